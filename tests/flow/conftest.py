"""What holds for every test of whole runs: the events are as they are documented."""

from tests.documented import documented

__all__ = ["documented"]
