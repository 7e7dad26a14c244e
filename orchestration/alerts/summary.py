"""What the day was like, in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from domain.events import ALERT, SCAN_SUMMARY
from domain.order import DENIED
from domain.timeframe import iso
from journal import schema as s
from journal.codec import facts as scan_facts
from orchestration.alerts.wording import neutral
from orchestration.terminal.figures import money

MOST_CODES = 8
_WHY = {"same": "told before", "quiet": "quiet hours", "rate": "too many in an hour", "lost": "given up"}


class Since(msgspec.Struct, frozen=True):
    """The part of an account's life that is summed up: events after ``seq``, decisions after ``at`` (T, ns)."""

    run_id: str
    account: str
    seq: int
    at: int


def last_scan(c: Connection, run_id: str) -> tuple[int, int, dict[str, Any]]:
    """(seq, T, head) of the newest cycle; zeros before the first."""
    of = s.events.c
    newest = sa.select(of.seq, of.at, of.body).where(of.run_id == run_id, of.type == SCAN_SUMMARY)
    row = c.execute(newest.order_by(of.seq.desc()).limit(1)).first()
    return (0, 0, {}) if row is None else (row.seq, row.at, scan_facts(row.body))


def summary(c: Connection, since: Since, hidden: Mapping[str, int]) -> str:
    """Trades, profit, denials by code, halts and alerts that were kept back, since the last one."""
    _, at, scan = last_scan(c, since.run_id)
    lines = [_account(scan), _trades(c, since), _denials(c, since), _halts(c, since)]
    kept_back = ", ".join(f"{count} {_WHY.get(why, why)}" for why, count in sorted(hidden.items()) if count)
    lines.append(f"alerts not sent: {kept_back or 'none'}")
    lines.append(
        f"open positions: {_open(c, since.account)}; last cycle {iso(at)[:16].replace('T', ' ')} UTC" if at else ""
    )
    return "\n".join(one for one in lines if one)


def _account(scan: Mapping[str, Any]) -> str:
    if "equity" not in scan:
        return "no cycle yet"
    day = scan["equity"] - scan.get("day_equity", scan["equity"])
    return f"equity {money(scan['equity'])}, this risk day {money(day, sign=True)}, state {scan.get('state', '-')}"


def _trades(c: Connection, since: Since) -> str:
    of = s.trades.c
    rows = c.execute(sa.select(of.pnl, of.commission).where(of.account == since.account, of.seq > since.seq)).all()
    profits = [Decimal(row.pnl) for row in rows]
    won = sum(one > 0 for one in profits)
    total = money(float(sum(profits, Decimal(0))), sign=True)
    return f"trades: {len(rows)} ({won} won), profit {total}" if rows else "trades: none"


def _denials(c: Connection, since: Since) -> str:
    of = s.orders.c
    counted = (
        sa.select(of.code, sa.func.count().label("n"))
        .where(of.run_id == since.run_id, of.answer == DENIED, of.at > since.at)
        .group_by(of.code)
    )
    found = sorted(((row.n, row.code) for row in c.execute(counted)), key=lambda one: (-one[0], one[1]))
    texts = [f"{neutral(code)} {count}" for count, code in found[:MOST_CODES]]
    more = [f"{len(found) - MOST_CODES} more codes"] if len(found) > MOST_CODES else []
    return f"denied: {', '.join(texts + more) or 'nothing'}"


def _halts(c: Connection, since: Since) -> str:
    of = s.events.c
    bodies = c.execute(
        sa.select(of.body).where(of.run_id == since.run_id, of.type == ALERT, of.seq > since.seq)
    ).scalars()
    kinds: Counter[str] = Counter()
    halts = 0
    for body in bodies:
        data = msgspec.json.decode(body)
        kinds[str(data.get("alert"))] += 1
        halts += data.get("alert") == "TRADING_STATE" and data.get("to") == "HALTED"
    told = ", ".join(f"{neutral(kind)} {count}" for kind, count in kinds.most_common(MOST_CODES))
    return f"halts: {halts or 'none'}; alerts: {told or 'none'}"


def _open(c: Connection, account: str) -> int:
    return int(c.execute(sa.select(sa.func.count()).where(s.positions.c.account == account)).scalar_one())
