"""Money, periods, named tables and errors. Pure: imports nothing of ours, no clock, no network, no randomness."""
