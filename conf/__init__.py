"""Data files of Argus: an example configuration, the instruments and the presets (read by importlib.resources)."""
