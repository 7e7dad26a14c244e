"""Ctrl-C and SIGTERM, taken and remembered until somebody asks."""

from __future__ import annotations

import signal
from typing import Any


class Signals:
    """Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

    While there is nothing to end in order (``orderly`` is False) the first ends at once too. What comes while
    it ends at once is not heard: whatever was started is put away.
    """

    def __init__(self) -> None:
        self.asked = ""
        self.orderly = False
        self._before: dict[int, Any] = {}

    def watch(self) -> None:
        """Take them from whoever has them; again after Ray, which sets its own."""
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, self._take)
            self._before.setdefault(number, before)

    def _take(self, number: int, frame: object) -> None:
        asked, self.asked = self.asked, self.asked or ("interrupted" if number == signal.SIGINT else "terminated")
        if asked or not self.orderly:
            for one in self._before:
                signal.signal(one, signal.SIG_IGN)
            raise KeyboardInterrupt

    def restore(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
