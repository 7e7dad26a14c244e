"""A backtest as files: one JSON document, parquet tables, and a page that opens anywhere."""
