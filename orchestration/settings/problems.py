"""All problems of a configuration, found first and reported together."""

from __future__ import annotations

from domain.errors import ConfigError


class UsageError(ConfigError):
    """The command line itself is wrong (exit code 2); a ConfigError that is not one means exit code 4."""


class Problems:
    """Collects what is wrong. If usage and configuration are both wrong the whole is a UsageError: the
    command line is what has to be corrected first."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.usage_is_wrong = False

    def usage(self, text: str) -> None:
        self.texts.append(text)
        self.usage_is_wrong = True

    def config(self, text: str) -> None:
        self.texts.append(text)

    def add(self, text: str, *, usage: bool) -> None:
        self.texts.append(text)
        self.usage_is_wrong = self.usage_is_wrong or usage

    def raise_if_any(self) -> None:
        """Raises UsageError or ConfigError with every problem, each once, in the order they were found."""
        if self.texts:
            kind = UsageError if self.usage_is_wrong else ConfigError
            raise kind(list(dict.fromkeys(self.texts)))
