"""Telling people outside what happens in a run: rules, wording, channels, and the desk that follows the events."""
