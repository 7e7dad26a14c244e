"""Whether what managing positions leaves behind agrees: stops and targets with the paper venue's, closes with the fills
that made them, and locks with themselves."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, text

from domain.money import from_text, to_text

Finding = dict[str, Any]

_STOPS = """
SELECT ours.account, ours.symbol, ours.stop, ours.target, ours.flags, theirs.stop AS their_stop,
    theirs.target AS their_target
FROM positions AS ours
JOIN paper_positions AS theirs ON theirs.account = ours.account AND theirs.symbol = ours.symbol
    AND theirs.quantity = ours.quantity AND theirs.entry_order = ours.entry_order
ORDER BY ours.account, ours.symbol
"""
"""Positions of which both sides hold the same; what differs is told elsewhere."""


def wrong_stops(c: Connection) -> list[Finding]:
    """Stops and targets that the paper venue does not have; while a change is unanswered, it may have either."""
    found = []
    for row in c.execute(text(_STOPS)):
        theirs, known = (from_text(row.their_stop), from_text(row.their_target)), [_prices(row.stop, row.target)]
        change = json.loads(row.flags).get("change")
        known += [] if change is None else [(change["stop"], change["target"])]
        if theirs not in known:
            found.append(
                {"what": "STOP_DIFFERS", "account": row.account, "symbol": row.symbol}
                | {"ours": f"{row.stop}, {row.target}", "theirs": f"{row.their_stop}, {row.their_target}"}
            )
    return found


def _prices(stop: str, target: str) -> tuple[int, int]:
    return from_text(stop), from_text(target)


_TRADES = "SELECT account, symbol, opened_at, quantity, flat FROM trades ORDER BY account, symbol, opened_at, seq"

_POSITIONS = "SELECT account, symbol, opened_at FROM positions"

_FILLED = """
SELECT f.account, f.symbol, f.side, f.quantity, count(*) AS times FROM fills AS f
JOIN accounts AS a ON a.account = f.account
WHERE EXISTS (SELECT 1 FROM order_events AS e WHERE e.fill_id = f.id AND e.seq <= a.cursor)
GROUP BY f.account, f.symbol, f.side, f.quantity
"""

_NO_FILL = """
SELECT account, symbol, fill_id FROM trades AS t
WHERE NOT EXISTS (SELECT 1 FROM fills AS f WHERE f.id = t.fill_id) ORDER BY seq
"""


def wrong_trades(c: Connection) -> list[Finding]:
    """Closes that no fill made, that are missing, or that do not end their position where it ended: statistics are
    made of them."""
    found = [
        {"what": "NO_FILL", "account": row.account, "symbol": row.symbol, "fill_id": row.fill_id}
        for row in c.execute(text(_NO_FILL))
    ]
    held = {(row.account, row.symbol): row.opened_at for row in c.execute(text(_POSITIONS))}
    closed: dict[tuple[str, str], int] = {}
    for key, rows in groupby(c.execute(text(_TRADES)), key=lambda row: (row.account, row.symbol, row.opened_at)):
        of_it, symbol = list(rows), (key[0], key[1])
        closed[symbol] = closed.get(symbol, 0) + sum(from_text(row.quantity) for row in of_it)
        still = held.get(symbol) == key[2]
        if any(row.flat for row in of_it[:-1]) or bool(of_it[-1].flat) == still:
            found.append({"what": "FLAT_DIFFERS", "account": key[0], "symbol": key[1], "opened_at": key[2]})
    return found + _not_closed(c, closed)


def _not_closed(c: Connection, closed: dict[tuple[str, str], int]) -> list[Finding]:
    """What has filled on one side was closed by what has filled on the other."""
    bought: dict[tuple[str, str], int] = {}
    sold: dict[tuple[str, str], int] = {}
    for row in c.execute(text(_FILLED)):
        side, key = bought if row.side > 0 else sold, (row.account, row.symbol)
        side[key] = side.get(key, 0) + from_text(row.quantity) * row.times
    found = []
    for key in sorted({*bought, *sold, *closed}):
        should, there = min(bought.get(key, 0), sold.get(key, 0)), closed.get(key, 0)
        if should != there:
            what = {"what": "CLOSES_DIFFER", "account": key[0], "symbol": key[1]}
            found.append(what | {"fills": to_text(should), "trades": to_text(there)})
    return found


_LOCKS = """
SELECT id, account, code FROM locks
WHERE until_at <= from_at OR code = '' OR symbol = '' OR side NOT IN (-1, 1)
    OR (removed_at IS NULL) <> (removed_why IS NULL) OR removed_at < from_at
ORDER BY from_at, id
"""


def malformed_locks(c: Connection) -> list[Finding]:
    """Locks that can hold nothing: over before they begin, of no code, or taken away by nobody."""
    return [{"lock": row.id, "account": row.account, "code": row.code} for row in c.execute(text(_LOCKS))]
