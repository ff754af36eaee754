"""Scenarios: the projection again with some things otherwise, on the same random numbers, and the difference by cause."""
