"""The weekly forecast: types, roll-up, waterfall, inspection."""
