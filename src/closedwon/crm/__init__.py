"""Customers and deals: import, history, snapshots, data quality."""
