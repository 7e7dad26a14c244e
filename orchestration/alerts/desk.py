"""Follows the events of a run and tells people outside of them, in threads of its own: trading waits for none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from domain.errors import ArgusError, DatabaseAway
from domain.events import ALERT
from domain.ports import Clock, Meter
from domain.timeframe import SECOND
from journal.store import Store
from orchestration.alerts import memory as kept
from orchestration.alerts.channels import Deliver, Message
from orchestration.alerts.memory import Memory, State
from orchestration.alerts.rules import Rule, types_of
from orchestration.alerts.summary import Since, last_scan, summary
from orchestration.alerts.terms import CRITICAL, INFO, fill
from orchestration.alerts.wording import data_of, facts_of, neutral, severity
from orchestration.alerts.worker import Report, Worker
from risk.sessions import Overlap, TimeOfDay, Window

EVERY = 0.5
"""Seconds between two looks at the event table."""
PAGE = 500
SAVE_EVERY = 1.0
"""Seconds between two writes of what was kept back, at least; what was sent is written at once."""
FLUSH_WITHIN = 5.0
"""Seconds at the end of a run for what is still to be sent."""
END_WITHIN = 8.0
LATE_PAGES = 20
"""Pages of an earlier run that are looked through for what was not told any more."""

_OUTCOMES = {"sent": "argus_alerts_sent", "failed": "argus_alerts_failed", "lost": "argus_alerts_lost"}


class Wishes(NamedTuple):
    """What is told, when, and how often."""

    rules: tuple[Rule, ...]
    dedup: float
    rate: int
    timeout: float
    quiet: Window | Overlap | None
    summary: TimeOfDay | None


class Run(NamedTuple):
    """Whose events are followed. ``told`` is the last ``seq`` of before this engine; ``mode`` as it is shown."""

    run_id: str
    account: str
    mode: str
    told: int


class Desk:
    """``report`` hears what becomes an ALERT event. Everything but ``start`` and ``stop`` happens in its thread."""

    def __init__(
        self,
        run: Run,
        wishes: Wishes,
        channels: Mapping[str, Deliver],
        store: Store,
        clock: Clock,
        meter: Meter,
        report: Report,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run, self._wishes, self._store = run, wishes, store
        self._clock, self._meter, self._ticks = clock, meter, ticks
        self._workers = {
            name: Worker(name, deliver, wishes.rate, wishes.timeout, ticks, report, self._done)
            for name, deliver in channels.items()
        }
        self._types = tuple(one for one in types_of(wishes.rules))
        self._memory: Memory | None = None
        self._wake, self._ending = threading.Event(), threading.Event()
        self._failed = self._broken = ""
        self._dirty, self._urgent, self._saved = False, False, ticks() - SAVE_EVERY
        self._lost = 0
        self._thread = threading.Thread(target=self._follow, name="alerts", daemon=True)

    def start(self) -> None:
        for one in self._workers.values():
            one.start()
        self._thread.start()

    def stop(self, failed: str = "") -> None:
        """Tell what there is up to the end, and why the run failed if it did; within ``END_WITHIN`` seconds."""
        self._failed = failed
        self._ending.set()
        self._wake.set()
        self._thread.join(END_WITHIN)

    # -- the thread ------------------------------------------------------------------------------

    def _follow(self) -> None:
        while not self._ending.is_set():
            self._look()
            self._wake.wait(EVERY)
            self._wake.clear()
        if self._failed:
            self._take(self._failure())
        self._look()
        ends = time.monotonic() + FLUSH_WITHIN
        for one in self._workers.values():
            one.stop(0.0)
        for one in self._workers.values():
            one.stop(max(0.0, ends - time.monotonic()))
        self._save(at_once=True)
        self._store.close()

    def _look(self) -> None:
        if self._broken:
            return
        try:
            if self._memory is None:
                self._begin()
            self._read()
            self._sum_up()
            self._save()
        except DatabaseAway:
            return  # looked at again
        except ArgusError as error:
            self._broken = str(error)  # the watch meets it as well, and ends the run

    def _begin(self) -> None:
        """Go on where it was left: also with what an earlier run could not tell any more."""
        run, found = self._run, kept.load(self._store)
        if found is None:
            self._memory = Memory(run.run_id, run.told, State(summed_at=self._clock.now(), summed_seq=run.told))
            return
        again = {name: set(numbers) for name, numbers in found.state.unsent.items() if name in self._workers}
        unsent = kept.these(self._store, sorted(set().union(*again.values()))) if again else []
        late = [] if found.run_id == run.run_id else self._late(found)
        if found.run_id != run.run_id:
            found.run_id, found.seq, found.state.summed_to = run.run_id, run.told, 0
        self._memory, self._urgent = found, True
        for row in unsent:
            self._take(row, [name for name, numbers in again.items() if row["seq"] in numbers], accepted=True)
        for row in late:
            self._take(row)

    def _late(self, found: Memory) -> list[Mapping[str, Any]]:
        """What is critical and untold of the run that was followed before this one."""
        late: list[Mapping[str, Any]] = []
        after = found.seq
        for _ in range(LATE_PAGES):
            rows = kept.newer(self._store, found.run_id, after, self._types, PAGE)
            late += [row for row in rows if severity(row["type"], data_of(row)) == CRITICAL]
            if len(rows) < PAGE:
                break
            after = rows[-1]["seq"]
        return late

    def _read(self) -> None:
        memory = self._memory
        assert memory is not None
        rows: list[Any] = [None] * PAGE
        while len(rows) == PAGE:
            rows = list(kept.newer(self._store, self._run.run_id, memory.seq, self._types, PAGE))
            for row in rows:
                self._take(row)
                memory.seq = row["seq"]

    def _failure(self) -> Mapping[str, Any]:
        body = msgspec.json.encode({"alert": "RUN_FAILED", "reason": self._failed})
        run_id = self._run.run_id
        return {"seq": 0, "type": ALERT, "at": self._clock.now(), "run_id": run_id, "symbol": None, "body": body}

    # -- one event -------------------------------------------------------------------------------

    def _take(self, row: Mapping[str, Any], only: Iterable[str] | None = None, accepted: bool = False) -> None:
        """Each channel is told by the first rule that matches. ``accepted``: it was to be told before."""
        kind, data = row["type"], data_of(row)
        worth, symbol = severity(kind, data), row["symbol"] or ""
        left = set(self._workers if only is None else only)
        for rule in self._wishes.rules:
            if not rule.matches(kind, symbol, data, worth):
                continue
            to = left if rule.channels is None else left & set(rule.channels)
            left = left - to if rule.channels else set()
            if kind == ALERT and str(data.get("alert")).startswith("NOTIFY_"):
                to = to - {data.get("channel")}  # not by the channel that it is about
            if to:
                self._tell(row, rule, data, rule.severity or worth, to, accepted)
            if not left:
                return

    def _tell(
        self, row: Mapping[str, Any], rule: Rule, data: Mapping[str, Any], worth: str, to: set[str], accepted: bool
    ) -> None:
        run, now = self._run, self._clock.now()
        facts = facts_of(row, data, run.account, run.mode) | {"rule": rule.name, "severity": worth}
        more = 0
        if not accepted:
            if worth != CRITICAL and self._wishes.quiet is not None and self._wishes.quiet.holds(now):
                self._hide("quiet")
                return
            again = self._fresh(f"{rule.name} {fill(rule.key, facts)}", rule, now)
            if again is None:
                self._hide("same")
                return
            more = again
        text = fill(rule.text, facts) + (f"\n({more} more like this since it was told last)" if more else "")
        foot = f"run {facts['run']}, {run.mode}, {facts['time']}"
        self._put(to, row["seq"], Message(self._title(fill(rule.title, facts)), f"{text}\n{foot}", worth))

    def _fresh(self, key: str, rule: Rule, now: int) -> int | None:
        window = self._wishes.dedup if rule.dedup is None else rule.dedup
        return 0 if self._memory is None else self._memory.fresh(key, now, int(window * SECOND))

    def _put(self, to: Iterable[str], seq: int, message: Message, counted: bool = True) -> None:
        for name in sorted(to):
            if not self._workers[name].put(seq, message, counted):
                self._hide("rate")
        self._urgent = True

    def _title(self, text: str) -> str:
        simulated = "SIMULATED " if self._run.mode == "SIMULATED" else ""
        return neutral(f"Argus {simulated}{text}", 150)

    def _hide(self, why: str, count: int = 1) -> None:
        self._meter.count("argus_alerts_suppressed", count, reason=why)
        if self._memory is not None:
            self._memory.hide(why, count)
        self._dirty = True

    def _done(self, channel: str, outcome: str, count: int) -> None:
        """In the threads of the channels."""
        self._meter.count(_OUTCOMES[outcome], count, channel=channel)
        self._lost += count if outcome == "lost" else 0
        self._urgent = True
        self._wake.set()

    # -- the day ---------------------------------------------------------------------------------

    def _sum_up(self) -> None:
        memory, at, now = self._memory, self._wishes.summary, self._clock.now()
        if memory is None or at is None or now < at.after(memory.state.summed_at):
            return
        state = memory.state
        hidden = state.hidden | ({"lost": self._lost} if self._lost else {})
        with self._store.read() as c:
            seq, reached, _ = last_scan(c, self._run.run_id)
            since = Since(self._run.run_id, self._run.account, state.summed_seq, state.summed_to)
            text = summary(c, since, hidden)
        state.hidden, self._lost = {}, 0
        state.summed_at, state.summed_seq, state.summed_to = now, max(seq, memory.seq), reached
        message = Message(self._title("daily summary"), f"{text}\nrun {self._run.run_id}", INFO)
        self._put(self._workers, 0, message, counted=False)

    # -- what is kept ----------------------------------------------------------------------------

    def _save(self, at_once: bool = False) -> None:
        memory = self._memory
        if memory is None or self._broken or not (self._dirty or self._urgent):
            return
        if not (at_once or self._urgent) and self._ticks() - self._saved < SAVE_EVERY:
            return
        self._dirty = self._urgent = False
        memory.state.unsent = {name: numbers for name, one in self._workers.items() if (numbers := one.unsent())}
        try:
            kept.save(self._store, memory)
        except ArgusError:
            self._dirty = True
            if not at_once:
                raise
        self._saved = self._ticks()
