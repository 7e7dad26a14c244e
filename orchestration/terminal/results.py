"""What the round trips of an account came to, by symbol, strategy, session, factor or reason."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from journal import schema
from orchestration.terminal.figures import NOTHING, money
from orchestration.terminal.output import Column, Plain


def show_results(
    kind: str,
    run: str | None,
    every: bool,
    db_url: str | None,
    server: str | None,
    token_file: str | None,
    as_json: bool,
) -> int:
    """Print them; the exit code. Raises UsageError for a kind that is none."""
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.remote import remote
    from orchestration.terminal.state import run_of
    from orchestration.terminal.verbs_look import show, whose
    from risk.statistics import KINDS

    if kind not in KINDS:
        from orchestration.settings import UsageError

        raise UsageError(f"--by {kind}: allowed: {', '.join(KINDS)}")
    if server is not None:
        with remote(server, token_file) as there:
            found = there.items(f"/api/terminal/results/{kind}", run=run, all=every)
    else:
        with reading(database_url(db_url)) as connection:
            found = list(results(connection, kind, run_of(connection, run, every)))
    columns = [
        Column(kind, lambda row: "all" if row["name"] is None else row["name"] or NOTHING),
        Column("trades", lambda row: str(row["trades"]), True),
        Column("won", lambda row: f"{row['win_rate']:.0%}", True),
        Column("net", lambda row: money(row["net"], sign=True), True),
        Column("average win", lambda row: money(row["average_win"]), True),
        Column("average loss", lambda row: money(row["average_loss"]), True),
        Column("loss/win", lambda row: _ratio(row["payoff"]), True),
        Column("profit factor", lambda row: _ratio(row["profit_factor"]), True),
        Column("R a trade", lambda row: NOTHING if row["expectancy"] is None else f"{row['expectancy']:+.2f}", True),
    ]
    return show(found, [*columns, *whose(every)], as_json, "no closed trades")


def results(connection: Connection, kind: Any, run_id: str | None) -> Iterator[Plain]:
    """Per account one line for each name, and one of all together (name None); of the trades that ended in a run
    (None: in any)."""
    from actors.gate_rows import part_of
    from risk.statistics import Folding, Statistics

    found: dict[str, tuple[Folding, Statistics]] = {}
    for row in connection.execute(_closes(run_id)):
        folding, statistics = found.setdefault(row.account, (Folding(), Statistics(keep=sys.maxsize)))
        trade = folding.add(part_of(row))
        if trade is not None and run_id in (None, row.run_id):
            statistics.add(trade)
    for account, (_, statistics) in sorted(found.items()):
        total = [(None, statistics.tally())] if len(statistics) else []
        for name, tally in [*statistics.by(kind).items(), *total]:
            yield {"name": name, "account": account} | tally.plain()


def _closes(run_id: str | None) -> Any:
    """Every close of the accounts that are meant, in the order of their fills."""
    trades = schema.trades
    query = select(trades)
    if run_id is not None:
        accounts = select(schema.runs.c.account).where(schema.runs.c.run_id == run_id)
        query = query.where(trades.c.account.in_(accounts))
    return query.order_by(trades.c.seq, trades.c.fill_id)


def _ratio(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
