"""The gate's decisions: rules, rooms and sizes as plain functions on values."""
