"""The server of a run: its events, figures and commands for programs and for the page, on this machine."""
