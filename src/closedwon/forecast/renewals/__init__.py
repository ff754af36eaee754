"""Renewals: what is available to renew, what became of it, what is at risk, and what the rest will come to."""
