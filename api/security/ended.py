"""Sessions that were ended before their time, kept in the data folder: no server there takes their cookies again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

FILE = "api-sessions-ended"
MOST = 4096
"""So many are kept, the latest."""


class Ended:
    """Each until its cookies are too old by themselves, in seconds since 1970; a line of the file is ``ID UNTIL``.

    Without a file only this process knows. Several servers may share one.
    """

    def __init__(self, file: Path | None, seconds: Callable[[], int]) -> None:
        self._file, self._seconds = file, seconds
        self._known: dict[str, int] = {}
        self._read: tuple[int, int] | None = None

    def __contains__(self, id: str) -> bool:
        self._look()
        return self._known.get(id, 0) > self._seconds()

    def add(self, id: str, until: int) -> None:
        """Raises OSError where it cannot be kept: then it counts in this process only."""
        self._look()
        now = self._seconds()
        running = [(one, end) for one, end in self._known.items() if end > now and one != id]
        self._known = dict([*running, (id, until)][-MOST:])
        if self._file is None:
            return
        written = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        number = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(number, "w", encoding="ascii") as opened:
                opened.writelines(f"{one} {end}\n" for one, end in self._known.items())
            os.replace(written, self._file)
        finally:
            written.unlink(missing_ok=True)

    def _look(self) -> None:
        """Learn what another server has written."""
        if self._file is None:
            return
        try:
            said = self._file.stat()
            if self._read != (said.st_mtime_ns, said.st_ino):
                lines = self._file.read_text(encoding="ascii", errors="replace").splitlines()
                self._read = said.st_mtime_ns, said.st_ino
                found = (line.split(" ") for line in lines)
                self._known |= {one[0]: int(one[1]) for one in found if len(one) == 2 and one[1].isdecimal()}
        except OSError:
            return  # there is none, or it cannot be read: what is known counts
