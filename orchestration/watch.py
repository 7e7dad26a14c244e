"""Watching a run: its events to the screen, its actors, the wish to end, and the end in order."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import sqlalchemy as sa

from actors.engine_records import alert as alert_of
from actors.engine_records import emit_once
from domain.errors import ActorLost, AlreadyRunning, ArgusError, DatabaseAway, DatabaseBroken, StaleEpoch
from domain.events import ENGINE_STATE, HEALTH, HEARTBEAT, RUN_SUMMARY, SCAN_SUMMARY, Draft
from domain.faults import EMERGENCY, RESET, classify
from journal import schema as s
from orchestration import resources
from orchestration.alerts import posted
from orchestration.clock import WallClock
from orchestration.emergency import Emergency, Run
from orchestration.heartbeat import FILE, Heartbeat
from orchestration.plan import Identity, Market
from orchestration.serving import Serving
from orchestration.settings import Settings
from orchestration.signals import Signals
from orchestration.supervision import DRIVER, EXECUTOR, Budget
from orchestration.supervisor import Supervisor
from orchestration.tenure import Heart
from orchestration.terminal.sentences import sentence

if TYPE_CHECKING:
    from journal.store import Tx
    from orchestration.cluster import RayRuntime
    from orchestration.terminal.screens import Screen

STOP_WITHIN = 10.0
"""Seconds for the driver to end its cycle after it was told to stop."""
DRAIN_WITHIN = 5.0
"""Seconds for the venue to answer what the executor has sent; fills are not waited for."""
FLUSH_WITHIN = 3.0
"""Seconds for the observer to follow to the end."""
LOOK = 0.05
"""Seconds between two looks at the event table."""
RUN_AGAIN = 0.5
"""Seconds between two calls of a driver that is coming back."""
BEAT = 30.0
"""Seconds of machine time between two HEARTBEAT events."""
SIGNS = 1_000
"""HEALTH and HEARTBEAT events kept for a database that is away; then the oldest is let go."""


class Start(NamedTuple):
    """What a run is started from."""

    settings: Settings
    market: Market
    identity: Identity
    heart: Heart
    screen: Screen
    signals: Signals
    serving: Serving | None = None
    """Where the run shows itself; None for nowhere."""


class Watch:
    """Follows the run's events for the screen, keeps its actors alive, and ends it when asked."""

    def __init__(self, runtime: RayRuntime, start: Start) -> None:
        from journal.address import data_folder
        from journal.store import Store
        from marketdata.news import load as load_news
        from orchestration.news_desk import NewsDesk

        identity, settings = start.identity, start.settings
        self._runtime, self._screen = runtime, start.screen
        self._signals, self._heart = start.signals, start.heart
        self._run_id, self._seq, self._told = identity.run_id, identity.told, identity.told
        self._store = Store(identity.db_url, identity.epoch)
        self._clock = WallClock()
        self._alerts: deque[Draft] = deque()
        self._signs: deque[Draft] = deque(maxlen=SIGNS)
        self._beside: deque[Draft] = deque(maxlen=SIGNS)
        self._begun = False
        self._beaten = time.monotonic()
        self._asked_at = self._called_at = 0.0
        self._cycle, self._state, self._away = 0, "starting", ""
        wished, deadline = settings.supervision, settings.ray.deadline
        budget = Budget(
            restarts=wished.restarts,
            window=wished.window,
            patience=max(wished.patience, 4 * deadline),  # what the driver itself would still wait for
        )
        self._supervisor = Supervisor(runtime, runtime.first, budget, self, time.monotonic)
        run = Run(
            run_id=identity.run_id,
            live=start.market.info.live,
            since=identity.started_at,
            halt_file=identity.halt_file,
            deadline=deadline,
        )
        self._emergency = Emergency(runtime, self._store, run, self._clock, time.monotonic)
        sources = settings.risk.news if start.market.info.live else ()
        self._news = NewsDesk(
            sources, start.market.calendar, self._store, self._clock, time.monotonic, self._no_news, load_news
        )
        file = data_folder() / FILE
        self._heartbeat = Heartbeat(
            file, wished.heartbeat_url, identity.run_id, self._clock, time.monotonic, self._no_heartbeat
        )
        meter = runtime.meter()
        self._desk = posted.desk(settings.alerts, start.market.info, identity, meter, self.beside)
        hurried = not start.market.info.live and settings.feed.speed is None
        sampler = resources.Sampler(identity.db_url)
        without = ("cpu",) if hurried else ()  # it takes what it can get
        self._monitor = resources.Monitor(settings.resources, sampler, meter, self.beside, without)

    def watch(self) -> int:
        """To the end of the run; its exit code."""
        runtime = self._runtime
        self._monitor.start()
        if self._desk is not None:
            self._desk.start()
        self._observed = runtime.ask("Observer", "run")
        self._running = runtime.ask(DRIVER, "run")
        failed: str | None = None
        while failed is None:
            if runtime.done(self._running, LOOK):
                failed = self._ended()
            failed = self._tend() if failed is None else failed
            failed = self._lost() if failed is None else failed
        self._news.stop()
        self._monitor.stop()
        self._wind_down()
        if self._desk is not None:
            self._desk.stop(failed)
        if failed:
            self._screen.notice(failed)
        else:
            self._heartbeat.stop()
        self._screen.end(1 if failed else 0)
        return 1 if failed else 0

    # -- what the supervisor does ----------------------------------------------------------------

    def alert(self, name: str, **facts: Any) -> None:
        self._alerts.append(alert_of(name, self._clock.now(), **facts))
        if facts.get("actor") == "Observer":
            self._observed = self._runtime.ask("Observer", "run")

    def changed(self, actor: str, **facts: Any) -> None:
        now = self._clock.now()
        self._signs.append(Draft(HEALTH, now, f"{actor}:{facts['state']}:{now}", {"actor": actor, **facts}))

    def beside(self, name: str, **facts: Any) -> None:
        """An alert of what runs beside the trading, from any thread: never after RUN_SUMMARY."""
        self._beside.append(alert_of(name, self._clock.now(), **facts))

    def latch(self, reason: str) -> bool:
        from actors.engine_commands import latch

        try:
            latch(self._store, "supervisor", reason, self._clock.now())
        except ArgusError:
            return False  # the next look meets it too, and knows what to do
        return True

    def _no_news(self, why: str) -> None:
        self.alert("NEWS_CALENDAR", reason=why)

    def _no_heartbeat(self, why: str) -> None:
        self.alert("HEARTBEAT", reason=why)

    # -- one look --------------------------------------------------------------------------------

    def _ended(self) -> str | None:
        """The driver's task has ended: '' for a run that is done, why it failed, or None when it was called anew."""
        answer = self._runtime.outcome(DRIVER, self._running, 1.0)
        if not isinstance(answer, BaseException):
            return ""
        fault = classify(answer)
        if fault.action == RESET:
            reason = self._supervisor.reset(fault.text)
            if reason is not None:
                return f"the run failed: {reason}"
        elif not _gone(answer):
            if fault.action == EMERGENCY and not isinstance(answer, StaleEpoch | AlreadyRunning):
                self.latch(fault.text)
            return f"the run failed: {answer}"
        self._call_again()
        return None

    def _call_again(self) -> None:
        """The driver goes on where it was; how often, the supervisor judges."""
        time.sleep(max(0.0, self._called_at + RUN_AGAIN - time.monotonic()))
        self._called_at = time.monotonic()
        self._running = self._runtime.ask(DRIVER, "run")

    def _tend(self) -> str | None:
        """Show, supervise, obey, and say that we live; why the run must end, else None. A database that is away
        for the moment is looked at again at the next look."""
        failed = self._supervisor.look()
        try:
            self._show()
            self._write_alerts()
            self._write_signs()
            self._emergency.look(self._supervisor.waited(DRIVER))
            self._news.look()
        except DatabaseAway as error:
            self._away = self._away or str(error)
            if self._emergency.wanted:
                self._supervisor.free("it hangs while a halt waits, and the database with it")
        except (StaleEpoch, DatabaseBroken) as error:
            return f"stopped: {error}"
        else:
            if self._away:
                self.alert("DATABASE_AWAY", reason=self._away)
                self._away = ""
        self._heartbeat.look(self._cycle, self._state)
        return failed

    def _lost(self) -> str | None:
        """Why the run must end now; None while it may go on. Passes on that somebody wants it to end."""
        if self._heart.lost:
            return f"stopped: {self._heart.lost}"
        if self._signals.asked and not self._asked_at:
            self._asked_at = time.monotonic()
            self._runtime.ask(DRIVER, "stop", self._signals.asked)
        if self._asked_at and time.monotonic() - self._asked_at > STOP_WITHIN:
            return f"the driver did not end its cycle within {STOP_WITHIN:g} s"
        return None

    def _show(self) -> None:
        """Every event so far, in order of ``seq``."""
        from journal.codec import facts
        from journal.views import events

        while True:
            with self._store.read() as connection:
                rows = events(connection, self._run_id, self._seq, 500)
            for row in rows:
                self._screen.show(row)
                self._seq, self._begun = row["seq"], True
                if row["type"] == SCAN_SUMMARY:
                    self._supervisor.proven(DRIVER, EXECUTOR)
                    self._cycle = facts(row["body"])["cycle"]
                elif row["type"] == ENGINE_STATE:
                    self._state = msgspec.json.decode(row["body"])["state"]
            if len(rows) < 500:
                return

    def _write_alerts(self) -> None:
        """Never after RUN_SUMMARY, behind which nobody looks: what is noticed later is told here."""
        while self._alerts:
            with self._store.transaction() as tx:
                over = self._over(tx)
                if not over:
                    emit_once(tx, self._run_id, [self._alerts[0]])
            draft = self._alerts.popleft()
            if over:
                self._screen.notice(f"after the end: {sentence(draft.type, draft.symbol, draft.data)}")

    def _write_signs(self) -> None:
        """How the actors are, and that the engine lives: after RUN_STARTED, and never after RUN_SUMMARY."""
        now = time.monotonic()
        if now - self._beaten >= BEAT:
            self._beaten, at = now, self._clock.now()
            data = {"cycle": self._cycle, "state": self._state, "seq": self._seq}
            self._signs.append(Draft(HEARTBEAT, at, str(at), data))
        while self._beside:
            self._signs.append(self._beside.popleft())
        if self._signs and self._begun:
            with self._store.transaction() as tx:
                if not self._over(tx):
                    emit_once(tx, self._run_id, self._signs)
            self._signs.clear()

    def _over(self, tx: Tx) -> bool:
        """Whether this engine has said its last word."""
        last = tx.connection.execute(_LAST, {"run": self._run_id, "told": self._told}).scalar()
        return last == RUN_SUMMARY

    # -- the end ---------------------------------------------------------------------------------

    def _wind_down(self) -> None:
        """No new trades any more: the executor drains, the observer follows to the end, the feed disconnects; each
        within its time. Ray is stopped by who started it."""
        runtime = self._runtime
        ends = time.monotonic() + DRAIN_WITHIN
        while time.monotonic() < ends:
            health = runtime.outcome(EXECUTOR, runtime.ask(EXECUTOR, "health"), max(0.1, ends - time.monotonic()))
            if isinstance(health, BaseException) or not (health.waiting or health.detail.get("in_flight")):
                break
            time.sleep(LOOK)
        ends = time.monotonic() + FLUSH_WITHIN
        for reference in (runtime.ask("Observer", "stop"), self._observed):
            runtime.outcome("Observer", reference, max(0.1, ends - time.monotonic()))
        runtime.end("MarketFeed")
        try:
            self._show()
            self._write_alerts()
            self._show()
        except ArgusError as error:
            self._screen.notice(f"the last events are not shown: {error}")
        self._store.close()


_LAST = (
    sa.select(s.events.c.type)
    .where(s.events.c.run_id == sa.bindparam("run"), s.events.c.seq > sa.bindparam("told"))
    .order_by(s.events.c.seq.desc())
    .limit(1)
)


def _gone(answer: BaseException) -> bool:
    """Whether it is the driver's process that ended, not the run."""
    return isinstance(answer, ActorLost) and answer.name == DRIVER
