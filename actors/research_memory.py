"""What research reads back and writes down: closed trades, cases and what became of them, views, reviews, questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from actors import gate_rows
from actors import research_rows as rows
from actors.specs import ResearchSpec
from domain.events import ALERT, CRITIC_REVIEW, Draft
from domain.money import from_text, to_float
from domain.research import Call, Case, Fact, Headline, Proposal, Reading, Review, View
from journal import schema as s
from journal.research_views import finished
from journal.store import Store
from research.shadow import Outcome
from risk.statistics import Part

MOST_REVIEWS = 500
"""Earlier reviews that are remembered for their lessons."""

_TRADES = sa.select(s.trades).where(
    s.trades.c.account == sa.bindparam("account"), s.trades.c.seq > sa.bindparam("after")
)
_VIEWS = (
    sa.select(s.research_views)
    .where(s.research_views.c.run_id == sa.bindparam("run"), s.research_views.c.valid_until > sa.bindparam("at"))
    .order_by(s.research_views.c.at)
)
_OPEN = sa.select(s.research_cases).where(
    s.research_cases.c.run_id == sa.bindparam("run"), s.research_cases.c.touched == ""
)
_CASE = sa.select(s.research_cases).where(
    s.research_cases.c.run_id == sa.bindparam("run"), s.research_cases.c.id == sa.bindparam("id")
)
_REVIEWS = sa.select(s.research_reviews).order_by(s.research_reviews.c.known_at.desc()).limit(MOST_REVIEWS)
_REVIEWED = sa.select(s.research_reviews.c.case_id).where(s.research_reviews.c.run_id == sa.bindparam("run"))
_FLAT = (
    sa.select(s.trades.c.correlation_id, s.trades.c.seq)
    .where(
        s.trades.c.run_id == sa.bindparam("run"),
        s.trades.c.flat,
        s.trades.c.closed_at <= sa.bindparam("at"),
        s.trades.c.seq > sa.bindparam("after"),
    )
    .order_by(s.trades.c.seq)
    .limit(sa.bindparam("most"))
)
_OF_ONE = (
    sa.select(s.trades)
    .where(s.trades.c.run_id == sa.bindparam("run"), s.trades.c.correlation_id == sa.bindparam("id"))
    .order_by(s.trades.c.seq)
)
_ORDER = sa.select(s.orders.c.entry, s.orders.c.stop, s.orders.c.reasons).where(s.orders.c.id == sa.bindparam("id"))


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A position that was closed, as the journal has it: all of its closes, and the order that opened it."""

    correlation_id: str
    symbol: str
    strategy: str
    side: int
    opened_at: int
    closed_at: int
    entry: int
    distance: int
    pnl: float
    r: float | None
    reason: str
    reasons: tuple[str, ...]


class ResearchMemory:
    def __init__(self, store: Store, spec: ResearchSpec) -> None:
        self.store, self.run = store, spec.run

    # -- reading -----------------------------------------------------------------------------------

    def closes(self, after: int) -> tuple[list[Part], int]:
        """The account's closes with a ``seq`` above, and the last ``seq``."""
        with self.store.read() as c:
            found = c.execute(_TRADES, {"account": self.run.account, "after": after}).all()
        return [gate_rows.part_of(one) for one in found], found[-1].seq if found else after

    def views(self, at: int) -> list[View]:
        """Views of this run that hold longer than ``at``, oldest first."""
        with self.store.read() as c:
            found = c.execute(_VIEWS, {"run": self.run.run_id, "at": at}).mappings().all()
        return [_view(one) for one in found]

    def open_cases(self) -> list[Case]:
        """Cases of which it is not known yet what the market did."""
        with self.store.read() as c:
            return [_case(one, self.run.timeframe_ns) for one in c.execute(_OPEN, {"run": self.run.run_id})]

    def case(self, case_id: str) -> tuple[Case, Any] | None:
        """A case of this run, with its row."""
        with self.store.read() as c:
            row = c.execute(_CASE, {"run": self.run.run_id, "id": case_id}).first()
        return None if row is None else (_case(row, self.run.timeframe_ns), row)

    def reviews(self) -> list[Review]:
        """The newest reviews of all runs."""
        with self.store.read() as c:
            found = c.execute(_REVIEWS).mappings().all()
        return [Review(**{name: one[name] for name in Review.__struct_fields__}) for one in found]

    def reviewed(self) -> set[str]:
        """Correlation ids of what this run has looked back on."""
        with self.store.read() as c:
            return set(c.execute(_REVIEWED, {"run": self.run.run_id}).scalars())

    def ended(self, after: int, at: int, most: int) -> list[tuple[int, Ended]]:
        """This run's positions that were closed by ``at``, each with the ``seq`` of its last close: those with one
        above ``after``, oldest first."""
        asked = {"run": self.run.run_id, "after": after, "at": at, "most": most}
        found = []
        with self.store.read() as c:
            for one, seq in c.execute(_FLAT, asked).all():
                parts = c.execute(_OF_ONE, {"run": self.run.run_id, "id": one}).all()
                found.append((seq, _ended(one, parts, c.execute(_ORDER, {"id": one}).first())))
        return found

    def scored(self, until: int) -> list[Any]:
        """Rows of cases of runs over such a market whose end was known by ``until`` (ns): what calibration counts."""
        with self.store.read() as c:
            return list(finished(c, simulated=self.run.simulated, until=until))

    # -- writing -----------------------------------------------------------------------------------

    def heard(self, calls: Sequence[Call], views: Sequence[View]) -> None:
        """Questions with their answers, and new views."""
        if not calls and not views:
            return
        with self.store.transaction() as tx:
            tx.upsert(s.research_calls, [rows.call_row(one) for one in calls])
            tx.upsert(s.research_views, [rows.view_row(self.run.run_id, one) for one in views])

    def resolved(self, found: Iterable[tuple[Case, Outcome]]) -> None:
        """What the market did after each case."""
        of = s.research_cases
        with self.store.transaction() as tx:
            for case, out in found:
                told = {"won": out.won, "touched": out.touched, "r": out.r, "best": out.best, "worst": out.worst}
                mine = (of.c.run_id == case.run_id) & (of.c.id == case.id)
                tx.connection.execute(sa.update(of).where(mine).values(told | {"known_at": out.known_at}))

    def reviewing(self, reviews: Sequence[Review], calls: Sequence[Call], at: int) -> None:
        """Reviews with their events, once each."""
        run_id = self.run.run_id
        drafts = [_review_event(one, at) for one in reviews]
        with self.store.transaction() as tx:
            told = set(tx.connection.execute(_TOLD, {"ids": [one.id(run_id) for one in drafts]}).scalars())
            tx.upsert(s.research_calls, [rows.call_row(one) for one in calls])
            tx.upsert(s.research_reviews, [rows.review_row(run_id, one) for one in reviews])
            tx.emit(run_id, [one for one in drafts if one.id(run_id) not in told])

    def headlines(self, read: Sequence[tuple[Headline, Reading]], calls: Sequence[Call]) -> None:
        """Headlines as they were cleaned, with what the reader made of them."""
        with self.store.transaction() as tx:
            tx.upsert(s.research_calls, [rows.call_row(one) for one in calls])
            tx.upsert(s.research_headlines, [rows.headline_row(self.run.run_id, *one) for one in read])

    def proposed(self, proposal: Proposal | None, calls: Sequence[Call]) -> None:
        with self.store.transaction() as tx:
            tx.upsert(s.research_calls, [rows.call_row(one) for one in calls])
            if proposal is not None:
                tx.insert_new(s.research_proposals, [rows.proposal_row(proposal)])

    def alert(self, name: str, text: str, at: int) -> None:
        data = {"alert": name, "reason": text}
        with self.store.transaction() as tx:
            tx.emit(self.run.run_id, [Draft(ALERT, at, f"{name}:{at}", data)])


_TOLD = sa.select(s.events.c.id).where(s.events.c.id.in_(sa.bindparam("ids", expanding=True)))


def _review_event(one: Review, at: int) -> Draft:
    data = {
        "score": one.score,
        "lesson": one.lesson,
        "analysis": one.analysis,
        "taken": one.taken,
        "r": one.r,
        "source": one.source,
        "code": one.code,
    }
    return Draft(CRITIC_REVIEW, at, one.id, data, one.symbol, one.case_id or None)


def _view(row: Any) -> View:
    told = {name: row[name] for name in View.__struct_fields__}
    lists = {name: tuple(gate_rows.value(row[name])) for name in ("risks", "evidence")}
    return View(**told | lists)


def _case(row: Any, timeframe: int) -> Case:
    names = ("id", "run_id", "cycle", "at", "symbol", "strategy", "direction", "score", "regime", "horizon")
    return Case(
        **{name: getattr(row, name) for name in names},
        price=from_text(row.price),
        stop=from_text(row.stop),
        target=from_text(row.target),
        probability=row.probability,
        timeframe=timeframe,
        facts=msgspec.json.decode(row.facts, type=tuple[Fact, ...]),
    )


def _ended(correlation_id: str, parts: Sequence[Any], order: Any) -> Ended:
    last, total = parts[-1], sum(from_text(one.quantity) for one in parts)
    known = [one.r * from_text(one.quantity) for one in parts if one.r is not None]
    entry = from_text(last.entry)
    stop = from_text(order.stop) if order is not None else 0
    return Ended(
        correlation_id=correlation_id,
        symbol=last.symbol,
        strategy=last.strategy,
        side=last.side,
        opened_at=last.opened_at,
        closed_at=last.closed_at,
        entry=entry,
        distance=abs(entry - stop) if stop else 0,
        pnl=to_float(sum(from_text(one.pnl) - from_text(one.commission) for one in parts)),
        r=sum(known) / total if len(known) == len(parts) and total else None,
        reason=last.reason,
        reasons=tuple(gate_rows.value(last.factors)),
    )
