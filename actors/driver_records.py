"""What the driver writes down: runs, cycles, anchors, engine states, summaries."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from actors.gate_rows import moment, text
from actors.scan import Scan
from actors.snapshot import GateSnapshot, decode, encode
from actors.specs import DriverSpec
from domain.candidate import REASONS
from domain.decision import decisions_hash
from domain.errors import ArgusError
from domain.events import (
    CANDIDATE,
    ENGINE_STATE,
    ERROR,
    PACKED_SCAN,
    RUN_STARTED,
    RUN_SUMMARY,
    SCAN_START,
    SCAN_SUMMARY,
    Draft,
)
from domain.money import to_float
from domain.order import FINANCING
from journal import schema as s
from journal.codec import pack_scan
from journal.commands import DONE
from journal.retention import compact
from journal.store import Store
from journal.views import decisions

PRUNE_EVERY = 500
"""Live cycles between two looks for events that are older than they are kept for."""


class RunSummary(msgspec.Struct, frozen=True):
    """The last word of a run, as its RUN_SUMMARY event has it."""

    cycles: int
    candidates: int
    orders: int
    fills: int
    equity: float
    positions: list[dict[str, Any]]
    decisions_hash: str
    exit_reason: str
    out: dict[str, str] = {}


class DriverRecords:
    """The driver's tables of one run."""

    def __init__(self, store: Store, spec: DriverSpec) -> None:
        self.store, self.spec, self.run = store, spec, spec.run
        self._recorded: dict[int, GateSnapshot] = {}
        self._decided: dict[int, int] = {}
        self._doubted = 0  # a cycle whose row may have been committed without an answer

    # -- the run ---------------------------------------------------------------------------------

    def open_run(self, now: int) -> tuple[int, int] | None:
        """Write the run down, or find it: (cycles closed, T of the last closed one), None before its first cycle.

        A run that an earlier engine began is this engine's from now on, and goes on.
        """
        run = self.run
        mine = s.runs.c.run_id == run.run_id
        with self.store.transaction() as tx:
            epoch = tx.connection.execute(sa.select(s.runs.c.epoch).where(mine)).scalar()
            if epoch is None:
                tx.insert(s.runs, [self._run_row(now)])
                fingerprint = {"run_id": run.run_id, "strategy": self.spec.strategy}
                tx.insert(
                    s.anchors,
                    [
                        fingerprint | {"symbol": one, "parameters": self.spec.fingerprint, "at": self.spec.start_at}
                        for one in run.symbols
                    ],
                )
                tx.emit(run.run_id, [self._started(now, 0, resumed=False)])
                return None
            if epoch < run.epoch:
                taken = {"epoch": run.epoch, "ended_at": None, "exit_reason": None}
                tx.connection.execute(sa.update(s.runs).where(mine).values(taken))
                closed = tx.connection.execute(_CLOSED, {"run": run.run_id}).scalar() or 0
                tx.emit(run.run_id, [self._started(now, closed, resumed=True)])
        return self.reread()

    def reread(self) -> tuple[int, int] | None:
        """What the database says, whatever was believed: (cycles closed, T of the last closed one), None before the
        first cycle. An open cycle is then redone (see ``opened``)."""
        mine = s.cycles.c.run_id == self.run.run_id
        self._recorded, self._decided = {}, {}
        with self.store.read() as c:
            last = c.execute(sa.select(s.cycles).where(mine).order_by(s.cycles.c.n.desc()).limit(1)).first()
            if last is None:
                return None
            if last.closed:
                return last.n, last.at
            self._recorded[last.n] = decode(last.snapshot)
            self._decided[last.n] = last.now or 0
            before = c.execute(sa.select(s.cycles.c.at).where(mine, s.cycles.c.n == last.n - 1)).scalar()
        return last.n - 1, self.spec.warmed_until if before is None else before

    def paused(self) -> bool:
        """Whether the operator has paused this run and not resumed it: the last of the two that was obeyed."""
        with self.store.read() as c:
            return c.execute(_PAUSED, {"run": self.run.run_id}).scalar() == "pause"

    def _run_row(self, now: int) -> dict[str, Any]:
        run = self.run
        return {
            "run_id": run.run_id,
            "epoch": run.epoch,
            "account": run.account,
            "live": run.live,
            "simulated": run.simulated,
            "started_at": self.spec.started_at or now,
            "ended_at": None,
            "config": self.spec.configuration,
            "symbols": text(run.symbols),
            "codes": text(REASONS),
            "inputs": self.spec.inputs,
            "warmed_until": self.spec.warmed_until,
            "exit_reason": None,
        }

    def _started(self, now: int, closed: int, resumed: bool) -> Draft:
        run = self.run
        data = {
            "resumed": resumed,
            "cycle": closed + 1,
            "symbols": run.symbols if len(run.symbols) <= 100 else run.symbols[:100],
            "count": len(run.symbols),
            "hosts": [name for name, _ in self.spec.hosts],
            "strategy": self.spec.strategy,
            "timeframe": run.timeframe,
            "account": run.account,
            "live": run.live,
            "simulated": run.simulated,
            "start": moment(self.spec.start_at),
        }
        return Draft(RUN_STARTED, now, f"start:{run.epoch}", data)

    # -- cycles ----------------------------------------------------------------------------------

    def opened(self, n: int) -> GateSnapshot | None:
        """The recorded snapshot of a cycle that was opened and not closed: it is redone from this."""
        return self._recorded.get(n)

    def decided_at(self, n: int) -> int:
        """The clock's time at which that cycle decided (ns); 0 if it lives by T."""
        return self._decided.get(n, 0)

    def open_cycle(self, n: int, at: int, digest: str, snapshot: GateSnapshot, now: int) -> None:
        """Twice is once: the row that was committed first stays. Raises ArgusError if that one is of other bars."""
        run_id = self.run.run_id
        row = {"run_id": run_id, "n": n, "at": at, "digest": digest, "now": now}
        there, self._doubted = n in self._recorded or self._doubted == n, n
        with self.store.transaction() as tx:
            known = tx.connection.execute(_CYCLE, {"run": run_id, "number": n}).first() if there else None
            if known is None:
                tx.insert(s.cycles, [row | {"snapshot": encode(snapshot), "closed": False}])
                tx.emit(run_id, [Draft(SCAN_START, at, str(n), {"count": len(self.run.symbols), "cycle": n})])
            elif (known.at, known.digest) != (at, digest):
                raise ArgusError(
                    f"cycle {n} is recorded for T {moment(known.at)} with other bars than those of {moment(at)}"
                )
        self._doubted = 0
        kept, decided = (snapshot, now) if known is None else (decode(known.snapshot), known.now or 0)
        self._recorded, self._decided = {n: kept}, {n: decided}

    def close_cycle(self, n: int, at: int, scan: Scan, snapshot: GateSnapshot, last_ms: float, scan_ms: float) -> None:
        rows, texts = scan.rows()
        header = {
            "at": moment(at),
            "equity": to_float(snapshot.equity),
            "balance": to_float(snapshot.balance),
            "day_equity": to_float(snapshot.day_equity),
            "state": snapshot.state.name,
            "last_cycle_ms": round(last_ms, 3),
            "scan_ms": round(scan_ms, 3),
            "working": snapshot.working,
        }
        body = pack_scan(n, len(self.run.symbols), len(scan.candidates), header, rows, texts)
        with self.store.transaction() as tx:
            if tx.connection.execute(_CLOSE, {"run": self.run.run_id, "number": n}).rowcount:
                tx.emit(self.run.run_id, [Draft(SCAN_SUMMARY, at, str(n), body, form=PACKED_SCAN)])
            if self.run.live and n % PRUNE_EVERY == 0:
                compact(tx.connection, self.spec.keep_hours, at, self.run.run_id)
        self._recorded = {}

    # -- states and faults -----------------------------------------------------------------------

    def engine_state(self, state: str, before: str, why: str, at: int, now: int) -> None:
        data = {"state": state, "from": before, "reason": why}
        self._emit(Draft(ENGINE_STATE, at, f"{before}:{state}:{now}", data))

    def fault(self, at: int, n: int, attempt: int, what: str, now: int) -> None:
        self._emit(Draft(ERROR, at, f"{n}:{attempt}:{now}", {"cycle": n, "attempt": attempt, "error": what}))

    def _emit(self, draft: Draft) -> None:
        with self.store.transaction() as tx:
            tx.emit(self.run.run_id, [draft])

    # -- the end ---------------------------------------------------------------------------------

    def finish(self, positions: dict[str, Any], reason: str, now: int, at: int, out: dict[str, str]) -> RunSummary:
        """The summary of the whole run, from the database; written once for as far as it has come."""
        run_id = self.run.run_id
        with self.store.read() as c:
            count = sa.select(sa.func.count())
            cycles = c.execute(count.select_from(s.cycles).where(s.cycles.c.run_id == run_id, s.cycles.c.closed))
            events = count.select_from(s.events).where(s.events.c.run_id == run_id, s.events.c.type == CANDIDATE)
            sent = (
                count.select_from(s.attempts)
                .join(s.orders, s.orders.c.id == s.attempts.c.order_id)
                .where(s.orders.c.run_id == run_id)
            )
            traded = (s.fills.c.run_id == run_id) & (s.fills.c.reason != FINANCING)
            fills = c.execute(count.select_from(s.fills).where(traded)).scalar()
            summary = RunSummary(
                cycles=int(cycles.scalar() or 0),
                candidates=int(c.execute(events).scalar() or 0),
                orders=int(c.execute(sent).scalar() or 0),
                fills=int(fills or 0),
                equity=positions["equity"],
                positions=positions["positions"],
                decisions_hash=decisions_hash(decisions(c, run_id)),
                exit_reason=reason,
                out=out,
            )
        said = Draft(RUN_SUMMARY, at, f"end:{self.run.epoch}:{summary.cycles}", msgspec.structs.asdict(summary))
        with self.store.transaction() as tx:
            ended = sa.update(s.runs).where(s.runs.c.run_id == run_id)
            tx.connection.execute(ended.values(ended_at=now, exit_reason=reason))
            if tx.connection.execute(_TOLD, {"id": said.id(run_id)}).first() is None:
                tx.emit(run_id, [said])
        return summary


_CLOSE = (
    sa.update(s.cycles)
    .where(s.cycles.c.run_id == sa.bindparam("run"), s.cycles.c.n == sa.bindparam("number"), ~s.cycles.c.closed)
    .values(closed=True)
)
_CYCLE = sa.select(s.cycles).where(s.cycles.c.run_id == sa.bindparam("run"), s.cycles.c.n == sa.bindparam("number"))
_CLOSED = sa.select(sa.func.max(s.cycles.c.n)).where(s.cycles.c.run_id == sa.bindparam("run"), s.cycles.c.closed)
_PAUSED = (
    sa.select(s.commands.c.verb)
    .where(
        s.commands.c.run_id == sa.bindparam("run"),
        s.commands.c.verb.in_(("pause", "resume")),
        s.commands.c.state == DONE,
    )
    .order_by(s.commands.c.id.desc())
    .limit(1)
)
_TOLD = sa.select(s.events.c.seq).where(s.events.c.id == sa.bindparam("id"))
