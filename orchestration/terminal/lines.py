"""Writing lines to a stdout whose reader may go away: then nothing more is written, and the run goes on."""

from __future__ import annotations

import sys
from typing import Any

from orchestration.terminal.exits import silence, visible


class Lines:
    """stdout (or another stream) for one line at a time, each flushed."""

    def __init__(self, stream: Any = None) -> None:
        self._stream: Any = stream if stream is not None else getattr(sys.stdout, "buffer", sys.stdout)
        self._text = hasattr(self._stream, "encoding")
        self.gone = False

    def put(self, line: bytes) -> None:
        """One line with its end. A reader that went away is no error; a disk that is full is told once."""
        if self.gone:
            return
        try:
            self._stream.write(line.decode() if self._text else line)
            self._stream.flush()
        except BrokenPipeError:
            self._stop()
        except OSError as error:
            self._stop()
            tell(f"stdout cannot be written ({error.strerror}): nothing more is shown, the run goes on")

    def _stop(self) -> None:
        self.gone = True
        silence(self._stream)


def tell(text: str) -> None:
    """A notice on stderr; nobody has to be there to read it."""
    try:
        print(visible(text), file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)
