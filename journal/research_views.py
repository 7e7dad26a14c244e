"""Questions about what research was asked, for people and programs: plain values, numbers as floats, times as ISO 8601.

``None`` for a run means all of them. Money is in US dollars.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, select, update

from domain.money import to_float
from domain.order import SIDE_NAME
from domain.timeframe import DAY, iso
from journal import schema as s

Plain = dict[str, Any]

_AMOUNTS = ("price", "stop", "target", "entry", "exit", "quantity", "pnl", "commission")
_TIMES = ("at", "decided_at", "made_at", "valid_until", "known_at", "published_at", "seen_at", "opened_at", "closed_at")
_JSON = ("prompts", "evidence", "facts", "arguments", "request", "parsed", "usage", "risks", "changes", "currencies")
_LONG = ("facts", "arguments", "request", "answer", "parsed")

BY = ("model", "role", "symbol", "day", "outcome", "source", "prompt")
"""What costs may be added up by."""


def cases(c: Connection, run_id: str | None = None, limit: int | None = 100, symbol: str | None = None) -> list[Plain]:
    """The newest cases, oldest of them first, without their facts and arguments."""
    of = s.research_cases
    query = _only(short(of), (of.c.run_id, run_id), (of.c.symbol, symbol))
    return _newest(c, query, (of.c.at.desc(), of.c.id), limit)


def calls(
    c: Connection,
    run_id: str | None = None,
    limit: int | None = 100,
    role: str | None = None,
    outcome: str | None = None,
) -> list[Plain]:
    """The newest questions, oldest of them first, without their texts."""
    of = s.research_calls
    query = _only(short(of), (of.c.run_id, run_id), (of.c.role, role), (of.c.outcome, outcome))
    return _newest(c, query, (of.c.made_at.desc(), of.c.at.desc(), of.c.id), limit)


def views(c: Connection, run_id: str | None = None, limit: int | None = 100) -> list[Plain]:
    """The newest views of the analyst, oldest of them first."""
    of = s.research_views
    return _newest(c, _only(select(of), (of.c.run_id, run_id)), (of.c.at.desc(), of.c.symbol), limit)


def reviews(
    c: Connection,
    run_id: str | None = None,
    limit: int | None = 100,
    symbol: str | None = None,
    before: int | None = None,
) -> list[Plain]:
    """The newest reviews, oldest of them first; with ``before`` (ns) those that a decision then could know."""
    of = s.research_reviews
    query = _only(select(of), (of.c.run_id, run_id), (of.c.symbol, symbol))
    if before is not None:
        query = query.where(of.c.known_at < before)
    return _newest(c, query, (of.c.known_at.desc(), of.c.id), limit)


def proposals(
    c: Connection, run_id: str | None = None, limit: int | None = 100, state: str | None = None
) -> list[Plain]:
    """The newest proposals, oldest of them first."""
    of = s.research_proposals
    return _newest(c, _only(select(of), (of.c.run_id, run_id), (of.c.state, state)), (of.c.at.desc(), of.c.id), limit)


def headlines(c: Connection, run_id: str | None = None, limit: int | None = 100) -> list[Plain]:
    """The newest texts from outside, oldest of them first."""
    of = s.research_headlines
    return _newest(c, _only(select(of), (of.c.run_id, run_id)), (of.c.published_at.desc(), of.c.id), limit)


def finished(c: Connection, run_id: str | None = None, simulated: bool | None = None, until: int | None = None) -> Any:
    """Rows of cases of which it is known what the market did, oldest first: what calibration and arms are made of.

    ``simulated`` True or False: only of runs over such a market; ``until`` (ns): what was known by then."""
    of = s.research_cases
    query = _only(short(of).where(of.c.touched != ""), (of.c.run_id, run_id))
    if simulated is not None:
        query = query.join(s.runs, s.runs.c.run_id == of.c.run_id).where(s.runs.c.simulated == simulated)
    if until is not None:
        query = query.where(of.c.known_at <= until)
    return c.execute(query.order_by(of.c.at, of.c.run_id, of.c.id)).all()


# -- what it costs ---------------------------------------------------------------------------------


def costs(c: Connection, run_id: str | None = None, by: str = "model", since: int | None = None) -> list[Plain]:
    """Questions, tokens and money, added up by one of BY, dearest first.

    ``sent``: questions for which somebody was asked now; ``unpriced``: those of them whose price is not known, which
    ``usd`` leaves out; ``estimated``: those whose tokens the endpoint did not tell. A day is that of the clock (UTC),
    and ``since`` (ns) too.
    """
    of = s.research_calls.c
    names = ("model", "role", "subject", "made_at", "outcome", "source", "prompt", "tries", "usage", "cost", "latency")
    query = _only(select(*(of[name] for name in names)), (of.run_id, run_id))
    rows = c.execute(query if since is None else query.where(of.made_at >= since))
    found: dict[str, Plain] = {}
    for row in rows:
        group = str(_group(row, by))
        total = found.setdefault(group, {by: group} | dict.fromkeys(_COUNTED, 0) | {"usd": 0.0, "seconds": 0.0})
        usage = _read(row.usage) or {}
        sent = row.tries > 0
        total["questions"] += 1
        total["sent"] += sent
        total["failed"] += row.outcome != "OK"
        total["unpriced"] += sent and row.cost is None
        total["estimated"] += sent and bool(usage.get("estimated"))
        for name in ("prompt", "completion", "cached"):
            total[f"{name}_tokens"] += usage.get(name, 0) if sent else 0
        total["usd"] += to_float(row.cost) if row.cost and sent else 0.0
        total["seconds"] += row.latency / 1000.0 if sent else 0.0
    return sorted(found.values(), key=lambda one: (-one["usd"], -one["questions"], one[by]))


def judged(c: Connection, run_id: str | None = None) -> int:
    """How many cases there are."""
    of = s.research_cases
    return int(c.execute(_only(select(func.count()).select_from(of), (of.c.run_id, run_id))).scalar_one())


_COUNTED = (
    *("questions", "sent", "failed", "unpriced", "estimated"),
    *("prompt_tokens", "completion_tokens", "cached_tokens"),
)


def _group(row: Any, by: str) -> Any:
    if by == "day":
        return iso(row.made_at // DAY * DAY)[:10]
    if by == "symbol":
        return row.subject or "the book"
    return "rules" if by == "model" and row.source == "rules" else getattr(row, by)


# -- one of them -----------------------------------------------------------------------------------


def identified(c: Connection, beginning: str, most: int = 3) -> list[tuple[str, str, str]]:
    """What has an id that begins so, as (kind, run, id): "case" with the id of the case, for that of an order, of its
    candidate, of a trade or of an event as well; "call", "review" or "proposal"."""
    if not beginning:
        return []
    cases_, orders, events = s.research_cases.c, s.orders.c, s.events.c
    found: dict[tuple[str, str, str], None] = {}
    for kind, table in (("case", s.research_cases), ("call", s.research_calls), ("proposal", s.research_proposals)):
        for run, one in c.execute(_beginning(select(table.c.run_id, table.c.id), table.c.id, beginning, most)):
            found[(kind, run, one)] = None
    for of in (orders, events):
        same = and_(cases_.id == of.correlation_id, cases_.run_id == of.run_id)
        query = select(cases_.run_id, cases_.id).join_from(s.research_cases, of.id.table, same).distinct()
        begins = of.id.startswith(beginning, autoescape=True)
        for run, one in c.execute(query.where(begins).order_by(cases_.id, cases_.run_id).limit(most)):
            found[("case", run, one)] = None
    of = s.research_reviews.c
    for run, one, case in c.execute(_beginning(select(of.run_id, of.id, of.case_id), of.id, beginning, most)):
        known = ("case", run, case)
        if known not in found:
            found[known if case and _case_row(c, run, case) else ("review", run, one)] = None
    return list(found)


def case(c: Connection, run_id: str, id: str) -> Plain | None:
    """A case with everything that belongs to it: ``calls`` with their texts, ``orders``, ``trades`` and ``review``."""
    row = _case_row(c, run_id, id)
    if row is None:
        return None
    calls_, orders, trades, reviews_ = s.research_calls, s.orders, s.trades, s.research_reviews
    mine = (calls_.c.run_id == run_id) & (calls_.c.case_id == id)
    asked = select(calls_).where(mine).order_by(calls_.c.made_at, calls_.c.role, calls_.c.id)
    ordered = select(orders).where(orders.c.run_id == run_id, orders.c.correlation_id == id)
    closed = select(trades).where(trades.c.run_id == run_id, trades.c.correlation_id == id)
    about = select(reviews_).where(reviews_.c.run_id == run_id, reviews_.c.case_id == id)
    return plain(row) | {
        "calls": _all(c, asked),
        "orders": [_order(c, one) for one in _rows(c, ordered.order_by(orders.c.at, orders.c.rank, orders.c.id))],
        "trades": _all(c, closed.order_by(trades.c.closed_at, trades.c.seq)),
        "review": next(iter(_all(c, about)), None),
    }


def call(c: Connection, run_id: str, id: str) -> Plain | None:
    """A question with its texts."""
    of = s.research_calls
    return next(iter(_all(c, select(of).where(of.c.run_id == run_id, of.c.id == id))), None)


def review(c: Connection, run_id: str, id: str) -> Plain | None:
    of = s.research_reviews
    return next(iter(_all(c, select(of).where(of.c.run_id == run_id, of.c.id == id))), None)


def proposal(c: Connection, id: str) -> Plain | None:
    of = s.research_proposals
    return next(iter(_all(c, select(of).where(of.c.id == id))), None)


def proposal_rows(c: Connection, beginning: str) -> list[Any]:
    """Rows of the proposals whose id begins so, at most three."""
    of = s.research_proposals
    return list(c.execute(_beginning(select(of), of.c.id, beginning, 3))) if beginning else []


def decide(c: Connection, id: str, before: str, state: str, who: str, at: int) -> bool:
    """Whether the proposal was still ``before`` and is ``state`` now."""
    of = s.research_proposals
    told = {"state": state, "who": who, "decided_at": at}
    return c.execute(update(of).where(of.c.id == id, of.c.state == before).values(told)).rowcount == 1


# -- how it is asked -------------------------------------------------------------------------------


def _case_row(c: Connection, run_id: str, id: str) -> Plain | None:
    of = s.research_cases
    return next(iter(_rows(c, select(of).where(of.c.run_id == run_id, of.c.id == id))), None)


def _order(c: Connection, row: Plain) -> Plain:
    of = s.order_events.c
    last = select(of.status).where(of.order_id == row["id"]).order_by(of.seq.desc()).limit(1)
    status = c.execute(last).scalar() or ("DENIED" if row["answer"] == "DENIED" else "INTENT")
    names = ("id", "at", "symbol", "purpose", "quantity", "entry", "stop", "target", "code")
    side = SIDE_NAME[row["side"]]
    return plain({name: row[name] for name in names}) | {"side": side, "status": status}


def short(table: Table) -> Select[Any]:
    """Its rows without what is long."""
    return select(*(one for one in table.c if one.name not in _LONG))


def _newest(c: Connection, query: Select[Any], order: Iterable[ColumnElement[Any]], limit: int | None) -> list[Plain]:
    return _all(c, query.order_by(*order).limit(limit))[::-1]


def _only(query: Select[Any], *wanted: tuple[ColumnElement[Any], str | None]) -> Select[Any]:
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    return query


def _beginning(query: Select[Any], column: ColumnElement[str], beginning: str, most: int) -> Select[Any]:
    return query.where(column.startswith(beginning, autoescape=True)).order_by(column).limit(most)


def _rows(c: Connection, query: Select[Any]) -> list[Plain]:
    return [dict(row) for row in c.execute(query).mappings()]


def _all(c: Connection, query: Select[Any]) -> list[Plain]:
    return [plain(row) for row in _rows(c, query)]


def plain(row: Plain) -> Plain:
    """A row as it is told."""
    told = {name: _value(name, value) for name, value in row.items()}
    if "direction" in told:
        told["direction"] = SIDE_NAME[told["direction"]]
    if "cost" in told:
        told["cost_usd"] = told.pop("cost")
    return told


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _AMOUNTS:
        return float(value)
    if name in _TIMES:
        return iso(value)
    if name == "cost":
        return to_float(value)
    if name == "side":
        return SIDE_NAME[value]
    return _read(value) if name in _JSON else value


def _read(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
