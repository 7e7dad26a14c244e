"""Incremental formulas over slots of a state row: one value or closed bar in, one number out; no I/O."""
