"""What a backtest and a run leave behind, in the same words: everything but ids and machine time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import sqlalchemy as sa

from actors.driver_records import RunSummary
from actors.snapshot import GateSnapshot, decode
from domain.events import ALERT
from domain.money import from_float, to_float, to_text
from domain.order import STOP_SET
from domain.timeframe import iso
from journal import database, lease
from journal import schema as s
from journal.engines import open_engine
from journal.views import decisions
from orchestration.backtest import running
from orchestration.backtest.result import Result
from orchestration.local import LocalRuntime
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, Settings, load

Given = dict[str, Any]
"""Fields of ``Overrides``."""


class Left(NamedTuple):
    """In order of time. Numbers as exact decimal text where money or prices are meant."""

    decisions: list[str]
    hash: str
    fills: list[tuple[Any, ...]]
    closes: list[tuple[Any, ...]]
    stops: list[tuple[Any, ...]]
    locks: list[tuple[Any, ...]]
    states: list[tuple[Any, ...]]
    positions: list[tuple[Any, ...]]
    equity: float


class Ran(NamedTuple):
    """A run that is over, and the snapshots of its cycles."""

    left: Left
    summary: RunSummary
    snapshots: list[GateSnapshot]
    url: str
    run_id: str


def same(one: Left, two: Left) -> None:
    """Nothing is different; else the first thing that is."""
    for name, ours, theirs in zip(Left._fields, one, two, strict=True):
        if isinstance(ours, list) and isinstance(theirs, list):
            first = next((place for place, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
            assert first is None, f"{name} {first}: {ours[first]} is not {theirs[first]}"
            assert len(ours) == len(theirs), f"{name}: {len(ours)} and {len(theirs)}; {(ours + theirs)[-1]}"
        assert ours == theirs, name


# -- a backtest --------------------------------------------------------------------------------------


def backtested(given: Given, dense: bool = False) -> Result:
    ready = running.prepare(Overrides(**given), lambda text: None)
    return running.run(ready, dense=dense)


def of_backtest(result: Result) -> Left:
    """Stop changes are among the decisions; here they are told once more, as the run tells of them."""
    return Left(
        decisions=[one.decode() for one in result.decisions],
        hash=result.decisions_hash,
        fills=[
            (
                *(iso(one.at), one.symbol, one.side, to_text(one.quantity), to_text(one.price)),
                *(to_text(one.commission), one.reason, to_text(one.stop), to_text(one.target), one.strategy),
            )
            for one in result.fills
        ],
        closes=[
            (
                *(iso(one.closed_at), one.symbol, one.side, to_text(one.quantity), to_text(one.entry)),
                *(to_text(one.exit), to_text(one.pnl), to_text(one.commission), one.reason, one.r),
                *(part.session, part.flat),
            )
            for one, part in result.closes
        ],
        stops=_moved(result.decisions),
        locks=sorted(
            (iso(one.from_at), one.code, one.symbol or "", one.side or 0, iso(one.until_at), one.reason)
            for one in result.locks
        ),
        states=[(iso(at), one.name, one.code) for at, one in result.states if at > result.moments[0] or one.code],
        positions=[
            (one.symbol, one.side, one.quantity, one.entry, one.price, one.profit, one.stop, one.target)
            for one in result.positions
        ],
        equity=to_float(result.equity_final),
    )


def _moved(found: tuple[bytes, ...]) -> list[tuple[Any, ...]]:
    """The decisions that move a stop: of no quantity, approved."""
    told = (msgspec.json.decode(one) for one in found)
    return [
        (one["T"], one["symbol"], one["purpose"], one["stop"])
        for one in told
        if one["answer"] == "APPROVED" and one["quantity"] == "0"
    ]


def sparse_and_dense(given: Given) -> Result:
    """The usual backtest, which is the same as one that visits every moment."""
    ready = running.prepare(Overrides(**given), lambda text: None)
    sparse, dense = running.run(ready), running.run(ready, dense=True)
    same(of_backtest(sparse), of_backtest(dense))
    assert [one.status for one in sparse.orders] == [one.status for one in dense.orders]
    assert sparse.states == dense.states
    assert sparse.errors == dense.errors
    assert np.array_equal(sparse.equity, dense.equity)
    assert np.array_equal(sparse.exposure, dense.exposure)
    return sparse


# -- a run -------------------------------------------------------------------------------------------


def ran(folder: Path, given: Given) -> Ran:
    """In one process, to the end of the data."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'argus.db'}"
    settings = load(Overrides(**given, db_url=url), {})
    database.prepare(url)
    return asyncio.run(_ran(settings, url, str(folder / "HALT")))


async def _ran(settings: Settings, url: str, halt_file: str) -> Ran:
    epoch = lease.acquire(url, 1, "test", 10**18, "run-1", lambda pid: False)
    runtime = LocalRuntime()
    runtime.spawn(actor_specs(settings, market(settings), Identity("run-1", epoch, url, 0, halt_file)))
    summary = await runtime.ask("InstitutionalStrategy", "run")
    return of_run(url, "run-1", summary)


def of_run(url: str, run_id: str, summary: RunSummary) -> Ran:
    """What the database of a run has of it."""
    engine = open_engine(url)
    with engine.connect() as c:
        told = [one.decode() if isinstance(one, bytes) else str(one) for one in decisions(c, run_id)]
        left = Left(
            decisions=told,
            hash=summary.decisions_hash,
            fills=[
                (
                    *(iso(one.at), one.symbol, one.side, one.quantity, one.price),
                    *(one.commission, one.reason, one.stop, one.target, one.strategy),
                )
                for one in c.execute(sa.select(s.fills).order_by(s.fills.c.seq))
            ],
            closes=[
                (
                    *(iso(one.closed_at), one.symbol, one.side, one.quantity, one.entry, one.exit),
                    *(one.pnl, one.commission, one.reason, one.r, one.session, one.flat),
                )
                for one in c.execute(sa.select(s.trades).order_by(s.trades.c.seq))
            ],
            stops=[
                (iso(one.at), one.symbol, one.purpose, one.stop)
                for one in c.execute(sa.select(s.stop_changes).order_by(s.stop_changes.c.at, s.stop_changes.c.symbol))
                if one.state == STOP_SET
            ],
            locks=sorted(
                (iso(one.from_at), one.code, one.symbol or "", one.side or 0, iso(one.until_at), one.reason)
                for one in c.execute(sa.select(s.locks))
            ),
            states=_states(c),
            positions=[tuple(one.values()) for one in summary.positions],
            equity=summary.equity,
        )
        snapshots = [decode(one) for one in c.execute(sa.select(s.cycles.c.snapshot).order_by(s.cycles.c.n)).scalars()]
    engine.dispose()
    return Ran(left, summary, snapshots, url, run_id)


def _states(c: sa.Connection) -> list[tuple[Any, ...]]:
    """The changes of the trading state, as the alerts told of them."""
    told = c.execute(sa.select(s.events.c.at, s.events.c.body).where(s.events.c.type == ALERT).order_by(s.events.c.seq))
    alerts = [(at, msgspec.json.decode(body)) for at, body in told]
    return [(iso(at), one["to"], one["code"]) for at, one in alerts if one.get("alert") == "TRADING_STATE"]


def equities(found: Ran) -> list[int]:
    """What the account was worth at every cycle (1e-9)."""
    return [one.equity for one in found.snapshots]


def curve(result: Result) -> list[int]:
    """The same of a backtest."""
    return [from_float(one) for one in result.equity.tolist()]
