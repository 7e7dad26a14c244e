"""Where orders go: one file or folder per venue, registered here by name."""

from __future__ import annotations

VENUES = {"paper": "venues.paper:PaperVenue"}
"""A name in the configuration to ``module:class``."""
