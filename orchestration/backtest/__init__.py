"""Backtest: the live gate, agents and paper venue over arrays of bars, visiting only the moments that matter."""
