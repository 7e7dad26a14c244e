"""What surrounds research in a run: proposals that are applied, and reports."""
