"""A backtest laid over a recorded run, decision by decision, each difference with its cost."""
