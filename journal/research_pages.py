"""Lists of what research was asked, page by page and the newest first, and what of it can be counted.

Values are those of ``journal.research_views``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Table, and_, func, or_, select

from domain.research import GO
from journal import schema as s
from journal.research_views import Plain, plain, short

Place = tuple[int, str]
"""Where a page ends: the time and the name of its last row."""


class _List(NamedTuple):
    table: Table
    time: str
    name: str


LISTS = {
    "cases": _List(s.research_cases, "at", "id"),
    "calls": _List(s.research_calls, "at", "id"),
    "views": _List(s.research_views, "at", "symbol"),
    "reviews": _List(s.research_reviews, "known_at", "id"),
    "proposals": _List(s.research_proposals, "at", "id"),
    "headlines": _List(s.research_headlines, "published_at", "id"),
}
"""Each with the time by which it is ordered, and what names a row of a run."""


def rows(
    c: Connection,
    kind: str,
    run_id: str | None,
    *,
    limit: int,
    after: Place | None = None,
    since: int | None = None,
    until: int | None = None,
    **only: Any,
) -> tuple[list[Plain], Place | None]:
    """Rows of one of LISTS, ``after`` a place and within times (ns), and the place at which they end; None where none
    follow. ``only``: columns and what they have to be; None for anything. Cases and calls come without their long
    texts."""
    of = LISTS[kind]
    at, name = of.table.c[of.time], of.table.c[of.name]
    query = short(of.table) if kind in ("cases", "calls") else select(of.table)
    for column, value in {"run_id": run_id, **only}.items():
        if value is not None:
            query = query.where(of.table.c[column] == value)
    if since is not None:
        query = query.where(at >= since)
    if until is not None:
        query = query.where(at < until)
    if after is not None:
        query = query.where(or_(at < after[0], and_(at == after[0], name > after[1])))
    found = [dict(row) for row in c.execute(query.order_by(at.desc(), name).limit(limit + 1)).mappings()]
    kept = found[:limit]
    end = (int(kept[-1][of.time]), str(kept[-1][of.name])) if len(found) > limit else None
    return [plain(row) for row in kept], end


def one(c: Connection, kind: str, id: str, run_id: str | None) -> str | None:
    """The run of a row with this id: the newest if several have it and none is named."""
    of = LISTS[kind]
    query = select(of.table.c.run_id).where(of.table.c.id == id)
    if run_id is not None:
        query = query.where(of.table.c.run_id == run_id)
    return c.execute(query.order_by(of.table.c[of.time].desc()).limit(1)).scalar()


COUNTED = ("verdict", "effect", "code", "source")


def counted(c: Connection, run_id: str) -> dict[str, dict[str, int]]:
    """How many cases of a run have which verdict, effect, code and source, the most first."""
    of = s.research_cases.c
    columns: list[Column[Any]] = [of[name] for name in COUNTED]
    query = select(*columns, func.count()).where(of.run_id == run_id).group_by(*columns)
    found: dict[str, dict[str, int]] = {name: {} for name in COUNTED}
    for *values, number in c.execute(query):
        for name, value in zip(COUNTED, values, strict=True):
            found[name][value] = found[name].get(value, 0) + number
    return {name: dict(sorted(said.items(), key=lambda one: (-one[1], one[0]))) for name, said in found.items()}


def verdicts(c: Connection, run_id: str, most: int) -> list[str]:
    """Of the newest cases of a run, oldest of them first."""
    of = s.research_cases.c
    query = select(of.verdict).where(of.run_id == run_id).order_by(of.at.desc(), of.id).limit(most)
    return list(c.execute(query).scalars())[::-1]


def open_proposals(c: Connection, state: str) -> int:
    """How many proposals of any run are in this state."""
    of = s.research_proposals.c
    return int(c.execute(select(func.count()).where(of.state == state)).scalar_one())


def go_share(verdicts: list[str], silent: str) -> tuple[int, float | None]:
    """How many of them judge at all (are not ``silent``), and the share of GO in these."""
    judging = [one for one in verdicts if one != silent]
    return len(judging), judging.count(GO) / len(judging) if judging else None
