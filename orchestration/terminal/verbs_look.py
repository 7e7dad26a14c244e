"""Verbs that look at the account: status, positions, orders, trades."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.terminal.exits import DONE, guarded
from orchestration.terminal.figures import NOTHING, moment, money, plain, price, quantity
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import Column, Plain, print_facts, print_json, print_table, say
from orchestration.terminal.server_options import TokenFile, Url

RunId = Annotated[
    str | None, typer.Option("--run", help="Of this run; its beginning is enough.", show_default="the newest run")
]
Every = Annotated[bool, typer.Option("--all", help="Of every run and account.", show_default=False)]
By = Annotated[
    str | None,
    typer.Option("--by", help="Add up: symbol, strategy, session, factor or reason.", show_default=False),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many.")]


@guarded
def status(
    db_url: DatabaseUrl = None, server: Url = None, token_file: TokenFile = None, as_json: AsJson = False
) -> int:
    """Say whether an engine runs, what it does, and what holds the kill switch.

    Reads the database only, so it works without an engine too (exit code 0; 4 where there is no database).
    """
    from orchestration.terminal.place import database_url
    from orchestration.terminal.remote import remote
    from orchestration.terminal.state import facts, of

    if server is not None:
        with remote(server, token_file) as there:
            found = there.get("/api/terminal/status")
    else:
        found = of(database_url(db_url))
    if as_json:
        print_json(found)
    else:
        print_facts(facts(found))
    return DONE


@guarded
def positions(
    run: RunId = None,
    every: Every = False,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Show open positions with the last price and the P&L against it.

    Without --run or --all those of the newest run's account. P&L is in the symbol's quote currency.
    """
    from journal import views
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.remote import remote
    from orchestration.terminal.state import account_of, valued

    if server is not None:
        with remote(server, token_file) as there:
            found = there.items("/api/terminal/positions", run=run, all=every)
    else:
        with reading(database_url(db_url)) as connection:
            found = valued(connection, views.positions(connection, account_of(connection, run, every)))
    columns = [
        Column("symbol", lambda row: row["symbol"]),
        Column("side", lambda row: "long" if row["quantity"] > 0 else "short"),
        Column("quantity", lambda row: quantity(abs(row["quantity"])), True),
        Column("entry", lambda row: price(row["price"]), True),
        Column("last", lambda row: price(row["last"]), True),
        Column("P&L", lambda row: money(row["profit"], sign=True), True),
        Column("in", lambda row: row["quote"] or ""),
        Column("stop", lambda row: price(row["stop"]), True),
        Column("target", lambda row: price(row["target"]), True),
        Column("opened (UTC)", lambda row: moment(row["opened_at"])),
    ]
    return show(found, [*columns, *whose(every)], as_json, "no open positions")


@guarded
def orders(
    context: typer.Context,
    run: RunId = None,
    every: Every = False,
    limit: Limit = 100,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Show orders, approved and denied, each with its last status.

    A denied one says the code, what was found and what is allowed. The id's beginning is enough for cancel.
    orders resolve says what became of an UNKNOWN one that its venue cannot tell about.
    """
    if context.invoked_subcommand is not None:
        return DONE
    from journal import views
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.remote import remote
    from orchestration.terminal.state import run_of

    if server is not None:
        with remote(server, token_file) as there:
            found = there.items("/api/terminal/orders", run=run, all=every, limit=limit)
    else:
        with reading(database_url(db_url)) as connection:
            found = views.orders(connection, run_of(connection, run, every), limit=limit)
    columns = [
        Column("time (UTC)", lambda row: moment(row["at"])),
        Column("id", lambda row: row["id"][:16]),
        Column("symbol", lambda row: row["symbol"]),
        Column("side", lambda row: row["side"]),
        Column("quantity", lambda row: quantity(row["quantity"]), True),
        Column("purpose", lambda row: row["purpose"]),
        Column("entry", lambda row: price(row["entry"]), True),
        Column("stop", lambda row: price(row["stop"]), True),
        Column("target", lambda row: price(row["target"]), True),
        Column("status", lambda row: row["status"]),
        Column("why", _why),
    ]
    return show(found, [*columns, *whose(every)], as_json, "no orders")


@guarded
def trades(
    run: RunId = None,
    every: Every = False,
    limit: Limit = 100,
    by: By = None,
    db_url: DatabaseUrl = None,
    server: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> int:
    """Show closed trades with P&L before commission and R, the multiple of the risk taken at entry.

    A position that was closed in parts is a line for each. With --by what round trips, from flat to flat, came to
    after all costs, all of them: by symbol, strategy, session, factor or reason.
    """
    if by is not None:
        from orchestration.terminal.results import show_results

        return show_results(by, run, every, db_url, server, token_file, as_json)
    from journal import views
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.remote import remote
    from orchestration.terminal.state import run_of

    if server is not None:
        with remote(server, token_file) as there:
            found = there.items("/api/terminal/trades", run=run, all=every, limit=limit)
    else:
        with reading(database_url(db_url)) as connection:
            found = views.trades(connection, run_of(connection, run, every), limit=limit)
    columns = [
        Column("closed (UTC)", lambda row: moment(row["closed_at"])),
        Column("symbol", lambda row: row["symbol"]),
        Column("side", lambda row: "long" if row["side"] == "BUY" else "short"),
        Column("quantity", lambda row: quantity(row["quantity"]), True),
        Column("entry", lambda row: price(row["entry"]), True),
        Column("exit", lambda row: price(row["exit"]), True),
        Column("P&L", lambda row: money(row["pnl"], sign=True), True),
        Column("R", lambda row: NOTHING if row["r"] is None else f"{row['r']:+.2f}", True),
        Column("commission", lambda row: money(row["commission"]), True),
        Column("reason", lambda row: row["reason"]),
    ]
    code = show(found, [*columns, *whose(every)], as_json, "no closed trades")
    if found and not as_json:
        net = [row["pnl"] - row["commission"] for row in found]
        gross = money(sum(row["pnl"] for row in found), sign=True)
        won = sum(one > 0 for one in net)
        say("", f"{len(found)} trades, {won} won; P&L {gross}, after commission {money(sum(net), sign=True)}")
    return code


def show(rows: list[Plain], columns: list[Column], as_json: bool, empty: str) -> int:
    if as_json:
        print_json(rows)
    else:
        print_table(columns, rows, empty)
    return DONE


def whose(every: bool) -> list[Column]:
    return [Column("account", lambda row: row["account"])] if every else []


def _why(row: Plain) -> str:
    if not row["code"]:
        return ""
    allowed = f" against {plain(row['threshold'])}" if row["threshold"] is not None else ""
    return f"{row['code']} {plain(row['value'])}{allowed}" if row["value"] is not None else row["code"]
