"""Watching a run: its events to the screen, the driver when it is lost, the wish to end, the end."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.errors import ActorLost, ArgusError, DeadlineMissed
from orchestration.plan import Identity, Market
from orchestration.settings import Settings
from orchestration.signals import Signals
from orchestration.tenure import Heart

if TYPE_CHECKING:
    from orchestration.cluster import RayRuntime
    from orchestration.terminal.screens import Screen

STOP_WITHIN = 10.0
"""Seconds for the driver to end its cycle after it was told to stop."""
DRIVER_RESTARTS = 5
LOOK = 0.05
"""Seconds between two looks at the event table."""


class Start(NamedTuple):
    """What a run is started from."""

    settings: Settings
    market: Market
    identity: Identity
    heart: Heart
    screen: Screen
    signals: Signals


class Watch:
    """Follows the run's events for the screen while the driver works, and ends it when asked."""

    def __init__(self, runtime: RayRuntime, start: Start) -> None:
        from journal.store import Store

        self._runtime, self._screen = runtime, start.screen
        self._signals, self._heart = start.signals, start.heart
        self._run_id = start.identity.run_id
        self._store = Store(start.identity.db_url, start.identity.epoch)
        self._seq = 0
        self._restarts = 0
        self._asked_at = 0.0

    def watch(self) -> int:
        """To the end of the run; its exit code."""
        runtime = self._runtime
        observed = runtime.ask("Observer", "run")
        running = runtime.ask("InstitutionalStrategy", "run")
        failed: str | None = None
        while failed is None:
            if runtime.done(running, LOOK):
                failed, running = self._ended(running)
            self._show()
            failed = self._lost() if failed is None else failed
        with contextlib.suppress(ActorLost, DeadlineMissed):
            runtime.get("Observer", runtime.ask("Observer", "stop"), 3.0)
            runtime.get("Observer", observed, 3.0)
        self._show()
        self._store.close()
        if failed:
            self._screen.notice(failed)
        self._screen.end(1 if failed else 0)
        return 1 if failed else 0

    def _ended(self, running: Any) -> tuple[str | None, Any]:
        """The driver's task has ended: '' for a run that is done, why it failed, or None and its task anew."""
        try:
            self._runtime.get("InstitutionalStrategy", running, 1.0)
        except ActorLost as lost:
            self._restarts += 1
            if self._restarts > DRIVER_RESTARTS:
                return f"the driver was lost {self._restarts} times: {lost}", running
            time.sleep(1.0)
            return None, self._runtime.ask("InstitutionalStrategy", "run")
        except ArgusError as error:
            return f"the run failed: {error}", running
        return "", running

    def _lost(self) -> str | None:
        """Why the run must end now; None while it may go on. Passes on that somebody wants it to end."""
        if self._heart.lost:
            return f"stopped: {self._heart.lost}"
        if self._signals.asked and not self._asked_at:
            self._asked_at = time.monotonic()
            self._runtime.ask("InstitutionalStrategy", "stop", self._signals.asked)
        if self._asked_at and time.monotonic() - self._asked_at > STOP_WITHIN:
            return f"the driver did not end its cycle within {STOP_WITHIN:g} s"
        return None

    def _show(self) -> None:
        """Every event so far, in order of ``seq``."""
        from journal.views import events

        while True:
            with self._store.read() as connection:
                rows = events(connection, self._run_id, self._seq, 500)
            for row in rows:
                self._screen.show(row)
                self._seq = row["seq"]
            if len(rows) < 500:
                return
