"""A company made from a seed: facts in the named tables, and the truth behind them."""
