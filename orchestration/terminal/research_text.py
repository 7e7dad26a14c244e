"""What research said, as lines for a person: facts, arguments, the verdict, the questions behind it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from orchestration.terminal.figures import NOTHING, moment, money, price, quantity
from orchestration.terminal.output import Column, Plain

WIDTH = 110


def usd(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.6f}"


def share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def times_r(value: float | None) -> str:
    return NOTHING if value is None else f"{value:+.2f}"


def changed(one: Plain) -> str:
    cited = f" ({', '.join(one['evidence'])})" if one["evidence"] else ""
    return f"{one['now']:g} -> {one['proposed']:g}{cited}"


def lines(text: str, indent: str = "  ") -> list[str]:
    """A text of several lines, wrapped."""
    return [
        one
        for line in text.splitlines()
        for one in textwrap.wrap(line, WIDTH, initial_indent=indent, subsequent_indent=indent) or [""]
    ]


FACTS = [
    Column("id", lambda row: row["id"]),
    Column("kind", lambda row: row["kind"]),
    Column("lean", lambda row: f"{row['lean']:+.2f}" if row["weight"] else "", True),
    Column("weight", lambda row: f"{row['weight']:.2f}" if row["weight"] else "", True),
    Column("fact", lambda row: row["text"]),
]
"""``lean`` -1 bearish to 1 bullish, and the weight that the rules give it."""


def head(case: Plain) -> list[tuple[str, str]]:
    """What was asked about."""
    barriers = f"stop {price(case['stop'])} away, target {price(case['target'])}, within {case['horizon']} bars"
    marks = [word for word, on in (("masked", case["masked"]), ("contaminated", case["contaminated"])) if on]
    return [
        ("case", f"{case['id']}, run {case['run_id']}, cycle {case['cycle']:,}"),
        ("candidate", f"{case['direction']} {case['symbol']} by {case['strategy']} at {price(case['price'])}"),
        ("at", f"{moment(case['at'])} UTC"),
        ("question", barriers),
        ("asked", " ".join([case["mode"], case["arm"], case["model"], *marks]).strip()),
    ]


def arguments(case: Plain) -> list[str]:
    """Both sides, claim by claim."""
    said = []
    for one in case["arguments"]:
        failed = "" if one["code"] == "OK" else f" {one['code']}"
        said.append(f"{one['side']}: strength {one['strength']:.2f}, by {one['source']}{failed}")
        said += [f"  {claim['evidence']}: {claim['says']}" for claim in one["claims"]]
    return said or ["nobody argued"]


def verdict(case: Plain) -> list[tuple[str, str]]:
    code = "" if case["code"] == "OK" else f" ({case['code']})"
    effect = {"VETO": "refused", "SHRINK": f"made smaller: {case['factor']:.2f} of the size"}.get(
        case["effect"], "none"
    )
    return [
        ("verdict", f"{case['verdict']}{code}, by {case['source']}"),
        ("p_win", share(case["p_win"])),
        ("size factor", share(case["size_factor"])),
        ("disagreement", share(case["disagreement"])),
        ("evidence", ", ".join(case["evidence"]) or NOTHING),
        ("reason", case["reason"] or NOTHING),
        ("effect", effect),
    ]


def became(case: Plain) -> str:
    """What the market then did."""
    if not case["touched"]:
        return "not known yet"
    how = {"TARGET": "the target was touched first", "STOP": "the stop was touched first"}
    extremes = f"best {times_r(case['best'])}, worst {times_r(case['worst'])}"
    ended = how.get(case["touched"], "neither was touched within the horizon")
    return f"{ended}: {times_r(case['r'])} R ({extremes}), known {moment(case['known_at'])} UTC"


ORDERS = [
    Column("time (UTC)", lambda row: moment(row["at"])),
    Column("id", lambda row: row["id"]),
    Column("purpose", lambda row: row["purpose"]),
    Column("side", lambda row: row["side"]),
    Column("quantity", lambda row: quantity(row["quantity"]), True),
    Column("status", lambda row: row["status"]),
    Column("why", lambda row: row["code"]),
]
TRADES = [
    Column("closed (UTC)", lambda row: moment(row["closed_at"])),
    Column("exit", lambda row: price(row["exit"]), True),
    Column("P&L", lambda row: money(row["pnl"], sign=True), True),
    Column("R", lambda row: times_r(row["r"]), True),
    Column("reason", lambda row: row["reason"]),
]


def asked(calls: Iterable[Plain]) -> list[str]:
    """Every question with its messages, its answer and what it took."""
    said: list[str] = []
    for one in calls:
        failed = "" if one["outcome"] == "OK" else f": {one['detail']}"
        said += ["", f"{one['role']} {one['id'][:16]}: {one['outcome']}{failed}"]
        said += [f"  {name}: {value}" for name, value in took(one)]
        request = one["request"] if isinstance(one["request"], dict) else {}
        for message in request.get("messages", ()):
            said += [f"  {message['role']}:", *lines(message["content"], "    ")]
        said += ["  answer:", *lines(one["answer"] or _parsed(one) or NOTHING, "    ")]
    return said


def took(one: Plain) -> list[tuple[str, str]]:
    """By whom, in which way, and for how much."""
    if one["source"] == "rules":
        return [("by", f"rules, prompt {one['prompt']}")]
    usage: Any = one["usage"] or {}
    tokens = f"{usage.get('prompt', 0):,} + {usage.get('completion', 0):,} tokens"
    estimated = " (estimated)" if usage.get("estimated") else ""
    cost = "price not known" if one["cost_usd"] is None else f"{usd(one['cost_usd'])} US dollars"
    told = [
        ("by", f"{one['model']} at {one['endpoint']}, from {one['source']}, prompt {one['prompt']}"),
        ("in", f"mode {one['mode'] or NOTHING}, {one['tries']} tries{', repaired' if one['repaired'] else ''}"),
        ("took", f"{one['latency']:.0f} ms, {tokens}{estimated}, {cost}"),
        ("key", one["key"]),
    ]
    return [*told, *([("fingerprint", one["fingerprint"])] if one["fingerprint"] else [])]


def _parsed(one: Plain) -> str:
    import msgspec

    return msgspec.json.encode(one["parsed"]).decode() if one["parsed"] is not None else ""
