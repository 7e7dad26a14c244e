"""Start, watch, stop, in that order: one run from its settings to its exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from domain.errors import ActorLost, ArgusError, ConfigError, DeadlineMissed
from domain.money import to_float
from orchestration import kernel_cache, sockets
from orchestration.clock import WallClock
from orchestration.plan import Identity, Market, account_of, actor_specs, market
from orchestration.settings import Overrides, Settings, load, strategy_problems
from orchestration.terminal.info import RunInfo

if TYPE_CHECKING:
    from orchestration.cluster import RayRuntime
    from orchestration.terminal.screens import Screen
    from orchestration.topology import ActorSpec

READY_WITHIN = 120.0
"""Seconds for all actors to answer for the first time."""
STOP_WITHIN = 10.0
"""Seconds for the driver to end its cycle after it was told to stop."""
DRIVER_RESTARTS = 5
LOOK = 0.05
"""Seconds between two looks at the event table."""


class Signals:
    """Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

    While there is nothing to end in order (``orderly`` is False) the first ends at once too.
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
            raise KeyboardInterrupt

    def restore(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)


class Heart(threading.Thread):
    """Beats the lease every second; notices when another engine has taken over."""

    def __init__(self, url: str, epoch: int) -> None:
        super().__init__(name="lease", daemon=True)
        self._url, self._epoch = url, epoch
        self._over = threading.Event()
        self.lost = ""

    def run(self) -> None:
        from journal.engines import open_engine
        from journal.lease import beat

        engine = open_engine(self._url)
        try:
            while not self._over.wait(1.0):
                try:
                    beat_with(beat, engine, self._epoch)
                except ArgusError as error:
                    self.lost = str(error)
                    return
        finally:
            engine.dispose()

    def stop(self) -> None:
        self._over.set()
        self.join(5.0)


def beat_with(beat: Any, engine: Any, epoch: int) -> None:
    """One beat; a database that is busy for the moment is tried again with the next."""
    from sqlalchemy.exc import OperationalError

    with contextlib.suppress(OperationalError):
        beat(engine, epoch, WallClock().now())


def run(overrides: Overrides, screen: Screen) -> int:
    """Run to the end; the exit code (0 done, 1 failed). Raises ConfigError, UsageError or AlreadyRunning for
    what is refused before the start, with nothing left behind."""
    signals = Signals()
    signals.watch()
    try:
        settings, found, url = prepare(overrides, screen)
        with _leased(url) as (identity, heart):
            return _run(Start(settings, found, identity, heart, screen, signals))
    except (KeyboardInterrupt, SystemExit):  # the second is Ray's own answer to a SIGTERM while it starts
        if signals.orderly:
            raise
        return _not_begun(screen, signals)
    finally:
        signals.restore()


def _not_begun(screen: Screen, signals: Signals) -> int:
    screen.notice(f"{signals.asked or 'terminated'} before the first cycle: nothing was traded")
    return 0


def prepare(overrides: Overrides, screen: Screen) -> tuple[Settings, Market, str]:
    """Everything that can be refused: configuration, strategy, data, database. Nothing is started yet."""
    from journal import database

    settings = load(overrides)
    for notice in settings.notices:
        screen.notice(notice)
    cache = kernel_cache.prepare(kernel_cache.cache_root(os.environ), WallClock().now())
    if cache.notice:
        screen.notice(cache.notice)
    problems = strategy_problems(settings)
    if problems:
        raise ConfigError(problems)
    found = market(settings)
    for notice in found.notices:
        screen.notice(notice)
    problems = sockets.problems(settings.ray.address, settings.ray.metrics_port)
    if problems:
        raise ConfigError(problems)
    url = settings.database_url or database.default_url()
    database.prepare(url)
    return settings, found, url


@contextlib.contextmanager
def _leased(url: str) -> Iterator[tuple[Identity, Heart]]:
    """The lease of the database for as long as the run lasts; two engines never share one."""
    from journal import database, lease
    from journal.engines import open_engine

    now = WallClock().now()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 10**9))
    run_id = f"{stamp}-{(now // 1000) % 0x10000:04x}{os.getpid() % 0x10000:04x}"
    epoch = lease.acquire(url, os.getpid(), socket.gethostname(), now, run_id, psutil.pid_exists)
    heart = Heart(url, epoch)
    heart.start()
    try:
        yield Identity(run_id, epoch, url, now, str(database.data_folder() / "HALT")), heart
    finally:
        heart.stop()
        engine = open_engine(url)
        lease.release(engine, epoch)
        engine.dispose()


class Start(NamedTuple):
    """What a run is started from."""

    settings: Settings
    market: Market
    identity: Identity
    heart: Heart
    screen: Screen
    signals: Signals


def _run(start: Start) -> int:
    """Ray, and the run on it. What Ray prints by itself goes nowhere: stdout belongs to the screen."""
    from domain.registry import build
    from strategies import STRATEGIES

    settings, signals = start.settings, start.signals
    strategy = build("strategy", settings.strategy.name, STRATEGIES)
    with ThreadPoolExecutor(1) as beside, open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        compiled = beside.submit(kernel_cache.compile_all, [strategy])  # while Ray starts; hosts only load
        specs = actor_specs(settings, start.market, start.identity)
        from orchestration.cluster import RayRuntime

        runtime = RayRuntime(settings.ray.address, settings.ray.dashboard, settings.ray.metrics_port)
        signals.orderly = True
        signals.watch()
        try:
            compiled.result()
            return _on(runtime, specs, start)
        finally:
            runtime.stop()


def _on(runtime: RayRuntime, specs: list[ActorSpec], start: Start) -> int:
    """The run itself, on a cluster that has started."""
    screen, signals = start.screen, start.signals
    if not signals.asked:
        runtime.spawn(specs)
        runtime.ready(READY_WITHIN, lambda: bool(signals.asked))
    if signals.asked:
        return _not_begun(screen, signals)
    shown = run_info(start, runtime.dashboard_url)
    screen.begin(shown)
    for one in shown.held:
        if one["symbol"] not in shown.symbols:
            screen.notice(f"{one['symbol']} is held and not watched by this run: its stop lives at the venue")
    return Watch(runtime, start).watch()


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


def run_info(start: Start, dashboard_url: str) -> RunInfo:
    """What the screens say at the top, with what the account holds already."""
    from domain.candidate import REASONS
    from journal.address import password_hidden
    from journal.store import Store
    from journal.views import positions

    settings, found, identity = start.settings, start.market, start.identity
    info = found.info
    account = account_of(info, identity.run_id)
    store = Store(identity.db_url, identity.epoch)
    with store.read() as connection:
        held = tuple(positions(connection, account))
    store.close()
    return RunInfo(
        run_id=identity.run_id,
        symbols=settings.symbols,
        codes=REASONS,
        simulated=info.simulated,
        live=info.live,
        strategy=settings.strategy.name,
        preset=settings.preset,
        timeframe=info.timeframe,
        feed=info.name,
        account=account,
        currency=settings.account.currency,
        cash=to_float(settings.account.cash),
        dashboard_url=dashboard_url,
        database=password_hidden(identity.db_url),
        cycles=settings.cycle.cycles,
        start=info.start_at,
        end=info.end_at,
        quotes={one: found.instruments[one].quote for one in settings.symbols},
        held=held,
    )
