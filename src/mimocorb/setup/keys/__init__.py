"""The keys of a set-up: which there are, what may stand behind them, the JSON schema."""
