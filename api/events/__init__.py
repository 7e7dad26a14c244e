"""What every event says: one pydantic model per type, from which the JSON Schema and docs/events.md are made."""
