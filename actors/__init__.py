"""Thin shells around decisions: receive, decide, pass on. Plain classes; Ray makes actors of them elsewhere."""
