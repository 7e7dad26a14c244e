"""STATE_SNAPSHOT: what ``/api/state`` answers, and the number of the event from which to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from api.pages import Runs as Envelopes
from domain.events import VERSION

if TYPE_CHECKING:
    from api.runs import Runs


class Snapshots:
    """One database's state as it is now; what never changes of a run is read once. Threads may share it."""

    def __init__(self, envelopes: Envelopes) -> None:
        self._envelopes = envelopes
        self._runs: Runs | None = None

    def take(self, c: Connection, run_id: str | None, beside: bool) -> dict[str, Any]:
        """Of a run (None: of the newest) in one consistent view. Raises Problem for a run that is not there."""
        from api.read.scan import body  # with it comes the server's framework, which a stream of events does without
        from api.runs import Runs

        self._runs = self._runs or Runs()
        data = body(c, self._runs.of(c, run_id), self._envelopes, beside)
        return {"type": "STATE_SNAPSHOT", "v": VERSION, "seq": data["seq"], "data": data}
