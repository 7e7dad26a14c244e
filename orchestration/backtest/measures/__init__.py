"""What a backtest was worth: figures with their conventions, and what else could have come of it."""
