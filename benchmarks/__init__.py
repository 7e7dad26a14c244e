"""One file per claim: what is measured, on what, against which floor. Numbers and conditions: docs/benchmarks.md."""
