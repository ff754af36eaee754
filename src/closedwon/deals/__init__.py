"""Deals: requests for sign-off, the deal desk, the booking check."""
