"""How things stand in a database: the engine, the newest run, its account, and what holds the kill switch."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from domain.engine_state import COMMANDS
from domain.errors import ConfigError
from domain.events import SCAN_SUMMARY
from domain.timeframe import iso, nanos
from journal import codec, schema, views
from journal.address import data_folder, password_hidden
from orchestration.terminal import latches
from orchestration.terminal.figures import moment, money, plain, seconds
from orchestration.terminal.place import halt_file, living, now, reading

Plain = dict[str, Any]

_NO_ENGINE = ("halt", "reset-kill-switch")
"""What may be said without an engine, or while one starts."""


def of(url: str) -> Plain:
    """Everything that ``status`` says, as plain values. Raises ConfigError where there is no database."""
    with reading(url) as connection:
        found = views.status(connection)
        run, account = found["run"], found["account"]
        scan = last_scan(connection, run)
        alerts = views.alerts(connection, run["run_id"]) if run else []
        held_by = latches.standing(connection, run["account"] if run else None, halt_file())
    alive = living(url)
    halted = bool(held_by)
    said = found["engine"] or {}
    return {
        "state": _state(found, alive is not None),
        "trading": "HALTED" if halted else scan.get("state", "ACTIVE") if alive else "ACTIVE",
        "alive": alive is not None,
        "since": said.get("since") or said.get("at") if alive else None,
        "why": said.get("reason") if alive else None,
        "commands": list(COMMANDS.get(str(said.get("state")), _NO_ENGINE) if alive else _NO_ENGINE),
        "heartbeat": _heartbeat(),
        "alerts": alerts,
        "engine": None if alive is None else _engine(alive),
        "halted": halted,
        "latches": held_by,
        "halt_file": str(halt_file()) if halt_file().exists() else None,
        "run": None if run is None else _run(run),
        "cycle": found["cycle"],
        "account": None if account is None else account | {"equity": scan.get("equity")},
        "positions": found["positions"],
        "open_orders": found["open_orders"],
        "database": password_hidden(url),
    }


def facts(found: Plain) -> list[tuple[str, str]]:
    """The same for a person."""
    engine, run, account, cycle = (found[name] for name in ("engine", "run", "account", "cycle"))
    beat = f" (pid {engine['pid']} on {engine['host']}, beat {seconds(engine['beat_age'])} ago)" if engine else ""
    lines = [("engine", found["state"] + beat)]
    lines += [("since", f"{moment(found['since'])} UTC: {found['why']}")] if found["since"] else []
    lines += [("trading", found["trading"]), ("commands", ", ".join(found["commands"]))]
    lines += [("held by", _held_by(one)) for one in found["latches"]]
    if found["latches"]:
        lines.append(("", "release with: python cli.py reset-kill-switch --reason …"))
    if run is None:
        return [*lines, ("run", "none yet"), ("database", found["database"])]
    label = f"{run['run_id']}{'  SIMULATED' if run['simulated'] else ''}  {run['strategy'] or ''}".rstrip()
    ended = f", ended {moment(run['ended_at'])} ({run['exit_reason']})" if run["ended_at"] else ""
    lines += [
        ("run", f"{label}, {run['count']} symbols"),
        ("started", f"{moment(run['started_at'])} UTC{ended}"),
        ("cycle", f"{cycle['n']:,} at {moment(cycle['at'])} UTC" if cycle else "none yet"),
    ]
    if account is not None:
        equity = f", equity {money(account['equity'])}" if account["equity"] is not None else ""
        lines.append(
            ("account", f"{account['account']}: balance {money(account['balance'])} {account['currency']}{equity}")
        )
    lines.append(("open", f"{found['positions']} positions, {found['open_orders']} working orders"))
    sign = found["heartbeat"]
    lines += [("heartbeat", f"{seconds(sign['age'])} ago, cycle {sign['cycle']:,}")] if sign else []
    lines += [("alert", _alert(one)) for one in found["alerts"]]
    return [*lines, ("database", found["database"])]


def last_scan(connection: Connection, run: Plain | None) -> Plain:
    """The run's last SCAN_SUMMARY; empty before the first."""
    if run is None:
        return {}
    columns = schema.events.c
    query = select(columns.body).where(columns.type == SCAN_SUMMARY, columns.run_id == run["run_id"])
    body = connection.execute(query.order_by(columns.seq.desc()).limit(1)).scalar()
    if body is None:
        return {}
    return codec.unpack_scan(body, run["symbols"], run["codes"])


# -- which run ---------------------------------------------------------------------------------------


def run_of(connection: Connection, beginning: str | None, every: bool) -> str | None:
    """The run that is meant: None for all of them. Raises ConfigError for one that is not there."""
    row = None if every and beginning is None else chosen(connection, beginning)
    return None if every and beginning is None else row["run_id"] if row else ""


def account_of(connection: Connection, beginning: str | None, every: bool) -> str | None:
    """The account of the run that is meant: None for all of them."""
    row = None if every and beginning is None else chosen(connection, beginning)
    return None if every and beginning is None else row["account"] if row else ""


def moment_of(connection: Connection, beginning: str | None, every: bool) -> int | None:
    """Now, in the time by which the run lives: the clock's if it is live, else its last T; None for all runs."""
    row = None if every and beginning is None else chosen(connection, beginning)
    if row is None or row["live"]:
        return None if row is None else now()
    columns = schema.cycles.c
    query = select(columns.at).where(columns.run_id == row["run_id"]).order_by(columns.n.desc()).limit(1)
    return connection.execute(query).scalar()


def chosen(connection: Connection, beginning: str | None) -> Plain | None:
    """The run whose id begins so, or the newest one; None if there has been none yet."""
    if beginning is None:
        return views.latest_run(connection)
    column = schema.runs.c.run_id
    known = select(column).where(column.startswith(beginning, autoescape=True)).order_by(column).limit(2)
    found = list(connection.execute(known).scalars())
    if beginning in found:
        found = [beginning]
    if len(found) != 1:
        newest = ", ".join(row["run_id"] for row in views.runs(connection)[:3]) or "none"
        what = "no run's id begins" if not found else "more than one run's id begins"
        raise ConfigError(f"--run {beginning!r}: {what} so (newest: {newest})")
    return views.run(connection, found[0])


def valued(connection: Connection, positions: list[Plain]) -> list[Plain]:
    """Positions with ``last`` price and ``profit`` in the ``quote`` currency, from each account's newest scan."""
    scans: dict[str, tuple[Plain, Plain]] = {}
    for row in views.runs(connection) if positions else []:
        if row["account"] in {one["account"] for one in positions} and row["account"] not in scans:
            scans[row["account"]] = (last_scan(connection, row).get("prices", {}), row["config"])
    found = []
    for one in positions:
        prices, config = scans.get(one["account"], ({}, {}))
        last = prices.get(one["symbol"])
        profit = None if last is None else one["quantity"] * last - one["cost"]
        found.append(one | {"last": last, "profit": profit, "quote": _quote(one["symbol"], config)})
    return found


def _quote(symbol: str, config: Any) -> str | None:
    """The currency in which a position's profit is counted, by the configuration of its run."""
    from orchestration.settings import instruments

    account = config.get("account", {}) if isinstance(config, dict) else {}
    if not account:
        return None
    known, _ = instruments(
        config.get("instruments"), account["currency"], {symbol: 5}, convert=account.get("convert", True)
    )
    return known[symbol].quote


# -- parts of status ---------------------------------------------------------------------------------


def _state(found: Plain, alive: bool) -> str:
    """What the engine said last, if it still lives; else how its run ended."""
    said, run = found["engine"], found["run"]
    if alive:
        return str(said["state"]) if said else "starting"
    if run is None or run["ended_at"]:
        return "not running"
    return "not running (the last run did not end in an orderly way)"


def _heartbeat() -> Plain | None:
    """The sign of life of the engine of this data folder, and its age in seconds."""
    from orchestration.heartbeat import FILE, read

    found = read(data_folder() / FILE)
    if found is None:
        return None
    age = (now() - nanos(datetime.fromisoformat(found.at))) / 1e9
    return {"pid": found.pid, "run_id": found.run_id, "cycle": found.cycle, "at": found.at, "age": round(age, 3)}


def _alert(one: Plain) -> str:
    whom = f" {one['actor']}" if one.get("actor") else ""
    why = one.get("reason") or one.get("code") or ""
    return f"{moment(one['at'])} UTC {one['alert']}{whom}" + (f": {why}" if why else "")


def _engine(alive: Any) -> Plain:
    return {
        "pid": alive.pid,
        "host": alive.host,
        "epoch": alive.epoch,
        "run_id": alive.run_id,
        "started_at": iso(alive.started_at),
        "beat_at": iso(alive.beat_at),
        "beat_age": round((now() - alive.beat_at) / 1e9, 3),
    }


def _run(row: Plain) -> Plain:
    kept = ("run_id", "account", "live", "simulated", "started_at", "ended_at", "exit_reason", "epoch")
    config = row["config"] if isinstance(row["config"], dict) else {}
    return {name: row[name] for name in kept} | {
        "strategy": (config.get("strategy") or {}).get("name"),
        "preset": config.get("preset"),
        "symbols": row["symbols"][:100],
        "count": len(row["symbols"]),
    }


def _held_by(latch: Plain) -> str:
    when = f", {moment(latch['at'])} UTC" if latch["at"] else ""
    who = f" by {latch['who']}" if latch["who"] else ""
    limit = (
        f" ({plain(latch['value'])} against {plain(latch['threshold'])})" if latch.get("threshold") is not None else ""
    )
    return f"{latch['code']}{limit}: {latch['reason']}{who}{when}"
