"""Whether the books agree: reservations with orders, positions with fills, ours with the paper venue's, and every
order with the table of its steps. Amounts are exact decimal text, summed as integers of 1e-9."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from domain.money import from_text, to_text
from domain.order import DONE, ENTRY, FILLED, INTENT, MADE_THERE, NEXT, SUBMITTED, SURPRISING, UNKNOWN, Fill, Order

Finding = dict[str, Any]
Entry = tuple[tuple[str, ...], str]
"""A plan (account, strategy, symbol, time of its bar) and an order that has opened a position for it."""

_FILL = msgspec.json.Decoder(Fill)
_ORDER = msgspec.json.Decoder(Order)


def _list(words: Iterable[str]) -> str:
    return ", ".join(f"'{one}'" for one in sorted(words))


def _pairs(table: dict[str, frozenset[str]]) -> str:
    return _list(f"{before}>{after}" for before, found in table.items() for after in found)


# -- orders and reservations -------------------------------------------------------------------------

_RESERVATIONS = f"""
SELECT r.order_id, r.account, r.symbol, o.id AS known FROM reservations AS r
LEFT JOIN orders AS o ON o.id = r.order_id AND o.answer = 'APPROVED'
LEFT JOIN accounts AS a ON a.account = r.account
WHERE o.id IS NULL OR EXISTS (
    SELECT 1 FROM order_events AS e
    WHERE e.order_id = r.order_id AND e.seq <= a.cursor AND e.status IN ({_list(DONE)})
) ORDER BY r.created_at, r.order_id
"""

_ILLEGAL = f"""
SELECT steps.order_id, steps.before, steps.status FROM (
    SELECT order_id, seq, status, surprising, LAG(status) OVER (PARTITION BY order_id ORDER BY seq) AS before
    FROM order_events
) AS steps LEFT JOIN orders AS o ON o.id = steps.order_id
WHERE NOT CASE
    WHEN steps.before IS NOT NULL THEN steps.before || '>' || steps.status IN ({_pairs(NEXT)})
        OR (steps.surprising AND steps.before || '>' || steps.status IN ({_pairs(SURPRISING)}))
    WHEN o.id IS NULL OR o.purpose IN ({_list(MADE_THERE)})
        THEN steps.status IN ({_list(NEXT[INTENT] | NEXT[SUBMITTED])})
    ELSE steps.status IN ({_list(NEXT[INTENT])})
END ORDER BY steps.seq
"""


def stale_reservations(c: Connection) -> list[Finding]:
    """Room that is kept for no approved order, or for one whose end the gate has seen."""
    return [
        {"what": "NO_ORDER" if row.known is None else "ORDER_HAS_ENDED"}
        | {"order_id": row.order_id, "account": row.account, "symbol": row.symbol}
        for row in c.execute(text(_RESERVATIONS))
    ]


def illegal_steps(c: Connection) -> list[Finding]:
    """Steps of orders that the table of steps does not have; an order of the venue's own may begin in the middle."""
    return [
        {"order_id": row.order_id, "from": row.before or INTENT, "to": row.status} for row in c.execute(text(_ILLEGAL))
    ]


# -- positions ---------------------------------------------------------------------------------------

_FILLED = """
SELECT f.account, f.symbol, f.side, f.quantity, count(*) AS times, e.seq <= a.cursor AS settled
FROM fills AS f
LEFT JOIN (SELECT fill_id, min(seq) AS seq FROM order_events WHERE fill_id IS NOT NULL GROUP BY fill_id) AS e
    ON e.fill_id = f.id
LEFT JOIN accounts AS a ON a.account = f.account
GROUP BY f.account, f.symbol, f.side, f.quantity, e.seq <= a.cursor
"""


def wrong_positions(c: Connection) -> list[Finding]:
    """Positions that are not the sum of the account's fills up to the gate's cursor."""
    held = _held(c, "positions")
    summed = _summed(c, settled_only=True)
    return [
        {"account": account, "symbol": symbol, "position": to_text(ours), "fills": to_text(fills)}
        for account, symbol in sorted({*held, *summed})
        if (ours := held.get((account, symbol), 0)) != (fills := summed.get((account, symbol), 0))
    ]


def _held(c: Connection, table: str) -> dict[tuple[str, str], int]:
    rows = c.execute(text(f"SELECT account, symbol, quantity FROM {table}"))
    return {(row.account, row.symbol): from_text(row.quantity) for row in rows}


def _summed(c: Connection, settled_only: bool) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for row in c.execute(text(_FILLED)):
        if row.settled or not settled_only:
            key = (row.account, row.symbol)
            found[key] = found.get(key, 0) + row.side * from_text(row.quantity) * row.times
    return found


# -- one position for one plan -----------------------------------------------------------------------

_ENTRIES = f"""
SELECT DISTINCT o.account, o.strategy, o.symbol, o.at, o.id
FROM orders AS o JOIN fills AS f ON f.order_id = o.id
JOIN (
    SELECT account, strategy, symbol, at FROM orders WHERE purpose = '{ENTRY}' AND answer = 'APPROVED'
    GROUP BY account, strategy, symbol, at HAVING count(*) > 1
) AS often ON o.account = often.account AND o.strategy = often.strategy AND o.symbol = often.symbol AND o.at = often.at
WHERE o.purpose = '{ENTRY}'
"""

_ANSWERED_TWICE = f"""
SELECT DISTINCT o.account, o.correlation_id, o.id FROM orders AS o JOIN fills AS f ON f.order_id = o.id
JOIN (
    SELECT account, correlation_id FROM orders WHERE purpose = '{ENTRY}' AND correlation_id <> ''
    GROUP BY account, correlation_id HAVING count(*) > 1
) AS often ON o.account = often.account AND o.correlation_id = often.correlation_id
WHERE o.purpose = '{ENTRY}'
"""


def doubled(c: Connection, at_the_venue: set[Entry]) -> list[Finding]:
    """Plans for which more than one order has opened a position, in our books or at the venue."""
    plans: dict[tuple[str, ...], set[str]] = {}
    by_bar = {((row.account, row.strategy, row.symbol, str(row.at)), row.id) for row in c.execute(text(_ENTRIES))}
    by_cause = {((row.account, row.correlation_id), row.id) for row in c.execute(text(_ANSWERED_TWICE))}
    for plan, order_id in by_bar | by_cause | at_the_venue:
        plans.setdefault(plan, set()).add(order_id)
    twice = {tuple(sorted(found)): plan[0] for plan, found in plans.items() if len(found) > 1}
    return [{"account": account, "orders": list(orders)} for orders, account in sorted(twice.items())]


# -- the paper venue ---------------------------------------------------------------------------------

_PAPER_FILLS = """
SELECT p.body, f.id, f.symbol, f.side, f.quantity, f.price, f.commission, x.key AS foreign_key
FROM paper_fills AS p LEFT JOIN fills AS f ON f.id = p.id
LEFT JOIN foreign_holdings AS x ON x.account = p.account AND x.kind = 'FILL' AND x.key = p.id
ORDER BY p.n
"""

_NOT_THERE = """
SELECT f.id, f.order_id, f.account FROM fills AS f
JOIN paper_accounts AS a ON a.account = f.account
LEFT JOIN orders AS o ON o.id = f.order_id
WHERE (o.id IS NULL OR o.venue = 'paper')
AND NOT EXISTS (SELECT 1 FROM paper_fills AS p WHERE p.id = f.id)
AND NOT EXISTS (SELECT 1 FROM order_events AS e WHERE e.order_id = f.order_id AND e.fill_id = f.id
    AND e.code = 'INFERRED')
ORDER BY f.seq
"""

_LAST = """
SELECT e.order_id, e.account, e.status FROM order_events AS e
JOIN (SELECT order_id, max(seq) AS seq FROM order_events GROUP BY order_id) AS last ON last.seq = e.seq
"""

_ORDERS = f"""
SELECT last.order_id, last.account, last.status AS ours, p.status AS theirs
FROM ({_LAST}) AS last
JOIN orders AS o ON o.id = last.order_id AND o.venue = 'paper'
JOIN paper_accounts AS a ON a.account = last.account
LEFT JOIN paper_orders AS p ON p.account = last.account AND p.id = last.order_id
WHERE (p.id IS NULL AND last.status NOT IN ({_list(DONE | {SUBMITTED, UNKNOWN})}))
OR (last.status IN ({_list(DONE)}) AND p.status NOT IN ({_list(DONE)}))
ORDER BY last.order_id
"""

_UNINTENDED = f"""
SELECT p.id, p.account, p.status, p.body FROM paper_orders AS p
WHERE NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.id = p.id)
AND NOT EXISTS (SELECT 1 FROM order_events AS e WHERE e.order_id = p.id)
AND NOT EXISTS (SELECT 1 FROM foreign_holdings AS x WHERE x.account = p.account AND x.kind = 'ORDER' AND x.key = p.id)
AND p.status NOT IN ({_list(DONE - {FILLED})})
ORDER BY p.id
"""


class AtTheVenue(msgspec.Struct):
    """Where the paper venue's account differs from ours, what reconciling will write down, and what it has opened."""

    mismatches: list[Finding] = []
    unrecorded: list[Finding] = []
    entries: set[Entry] = set()


def at_the_paper_venue(c: Connection) -> AtTheVenue:
    """Our fills, orders and positions beside those that the paper venue keeps."""
    found = AtTheVenue()
    not_ours: dict[tuple[str, str], int] = {}
    foreign: set[str] = set()
    for row in c.execute(text(_PAPER_FILLS)):
        fill = _FILL.decode(row.body)
        what = {"account": fill.account, "symbol": fill.symbol, "order_id": fill.order_id, "fill_id": fill.id}
        if fill.reason == ENTRY:
            found.entries.add(((fill.account, fill.correlation_id), fill.order_id))
        if row.id is not None:
            theirs = (fill.symbol, fill.side, *map(to_text, (fill.quantity, fill.price, fill.commission)))
            if theirs != (row.symbol, row.side, row.quantity, row.price, row.commission):
                found.mismatches.append({"what": "FILL_DIFFERS"} | what)
            continue
        key = (fill.account, fill.symbol)
        not_ours[key] = not_ours.get(key, 0) + fill.side * fill.quantity
        if row.foreign_key is None:
            found.unrecorded.append(what)
        else:
            foreign.add(fill.order_id)
    found.mismatches += [
        {"what": "FILL_NOT_AT_VENUE", "account": row.account, "order_id": row.order_id, "fill_id": row.id}
        for row in c.execute(text(_NOT_THERE))
    ]
    found.mismatches += _orders(c, foreign | {one["order_id"] for one in found.unrecorded})
    found.mismatches += _positions(c, not_ours)
    return found


def _orders(c: Connection, explained: set[str]) -> list[Finding]:
    """Orders that one side lacks or takes for ended; ``explained`` have fills that are told of elsewhere."""
    differing = [
        {"what": "ORDER_DIFFERS" if row.theirs else "ORDER_NOT_AT_VENUE", "account": row.account}
        | {"order_id": row.order_id, "ours": row.ours, "theirs": row.theirs}
        for row in c.execute(text(_ORDERS))
    ]
    return differing + [
        {"what": "ORDER_NOT_INTENDED", "account": row.account, "order_id": row.id, "theirs": row.status}
        for row in c.execute(text(_UNINTENDED))
        if row.id not in explained and _ORDER.decode(row.body).purpose not in MADE_THERE
    ]


def _positions(c: Connection, not_ours: dict[tuple[str, str], int]) -> list[Finding]:
    """The venue's positions beside our fills and those fills of its own that are not ours (yet)."""
    accounts = {one for (one,) in c.execute(text("SELECT account FROM paper_accounts"))}
    told = text("SELECT account, symbol, quantity FROM foreign_holdings WHERE kind = 'POSITION'")
    strange = {(row.account, row.symbol): from_text(row.quantity) for row in c.execute(told)}
    there, ours = _held(c, "paper_positions"), _summed(c, settled_only=False)
    found = []
    for key in sorted({*there, *ours, *not_ours}):
        theirs, mine = there.get(key, 0), ours.get(key, 0)
        if key[0] in accounts and theirs not in (mine + not_ours.get(key, 0), mine + strange.get(key, 0)):
            found.append(
                {"what": "POSITION_DIFFERS", "account": key[0], "symbol": key[1]}
                | {"ours": to_text(mine), "theirs": to_text(theirs)}
            )
    return found
