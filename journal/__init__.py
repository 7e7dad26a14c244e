"""The journal: one database that holds what was intended, what was done and what happened."""
