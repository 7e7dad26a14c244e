"""The closing summary of a run, as pairs of a name and a text."""

from __future__ import annotations

from typing import Any

from journal.address import password_hidden
from orchestration.terminal.exits import DONE
from orchestration.terminal.figures import money, percent, price, quantity
from orchestration.terminal.place import database_url
from orchestration.terminal.tally import Tally


def summary(tally: Tally, exit_code: int) -> list[tuple[str, str]]:
    """What the run came to, why it ended, and where it is kept."""
    tally.look()
    info, said = tally.info, tally.summary or {}
    equity = float(said.get("equity", tally.equity))
    pairs = [
        ("run", f"{info.run_id}{'  SIMULATED' if info.simulated else ''}"),
        ("ended", str(said.get("exit_reason", "without a summary")) + ("" if exit_code == DONE else "  FAILED")),
        ("cycles", f"{int(said.get('cycles', tally.scan.get('cycle', 0))):,}"),
        ("candidates", f"{int(said.get('candidates', tally.candidates)):,}"),
        ("denied", denials(tally)),
        ("orders", f"{int(said.get('orders', tally.orders)):,}"),
        ("fills", f"{int(said.get('fills', tally.fills)):,}"),
        ("equity", f"{money(equity)} {info.currency} ({percent(equity, tally.started_with or info.cash)})"),
        *_positions(tally, said),
    ]
    pairs += [("out", f"{symbol}: {why}") for symbol, why in said.get("out", {}).items()]
    if "decisions_hash" in said:
        pairs.append(("decisions", str(said["decisions_hash"])))
    return [*pairs, ("database", info.database)]


def look_further(tally: Tally) -> list[str]:
    """The commands that tell more of this run."""
    run_id, database = tally.info.run_id, tally.info.database
    usual = password_hidden(database_url(None))
    where = "" if database == usual or "***" in database else f" --db-url {database}"
    return [f"python cli.py {verb} --run {run_id}{where}" for verb in ("trades", "events")]


def denials(tally: Tally, most: int = 4) -> str:
    """How many candidates were denied, by code, the most frequent first."""
    count = sum(tally.denied.values())
    codes = tally.denied.most_common(most)
    more = len(tally.denied) - len(codes)
    listed = ", ".join(f"{code} {number:,}" for code, number in codes) + (f", {more} more codes" if more > 0 else "")
    return f"{count:,} ({listed})" if codes else f"{count:,}"


def _positions(tally: Tally, said: dict[str, Any], most: int = 5) -> list[tuple[str, str]]:
    """The open positions of the summary, else of the events so far."""
    if "positions" not in said:
        return [("open", f"{len(tally.positions)} positions")]
    held = said["positions"]
    lines = [
        f"{one['side']} {quantity(one['quantity'])} {one['symbol']} from {price(one['entry'])}, now "
        f"{price(one['price'])}: {money(one.get('profit'), sign=True)}"
        for one in held[:most]
    ]
    if len(held) > most:
        lines.append(f"and {len(held) - most} more")
    return [("open" if number == 0 else "", text) for number, text in enumerate(lines or ["no positions"])]
