"""The browser in which reports are looked at."""

from tests.chromium import browser

__all__ = ["browser"]
