"""Whether a backtest's results are right, and how its times stand beside those of others: plain arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

from benchmarks.figures import median, table

OURS = "argus"
CLOSE_FILLED = ("nautilus",)
"""They fill at the close that signals, and keep money in cents."""
EXACT = 1e-6
CENT = 0.01

Answer = Mapping[str, Any]


class Expected(NamedTuple):
    """What the plain loop finds: by filling at the next open, and at the close that signals."""

    symbols: int
    fills: int
    equity: float
    close_fills: int
    close_equity: float


class Published(NamedTuple):
    """Figures known beforehand; the equity to within ``within``."""

    fills: int
    equity: float
    within: float


def published_faults(known: Published | None, expected: Expected) -> list[str]:
    """Where the plain loop itself does not find the known figures: the data or the loop are not what they were."""
    if known is None:
        return []
    found = []
    if expected.fills != known.fills:
        found.append(f"plain loop: {expected.fills:,} fills, known are {known.fills:,}")
    if not abs(expected.equity - known.equity) <= known.within:
        found.append(f"plain loop: equity {expected.equity:,.6f}, known is {known.equity:,.4f}")
    return found


def faults(peer: str, answer: Answer, expected: Expected) -> list[str]:
    """Where an answer differs from what is expected; empty if it does not.

    Equity to 1e-6; for one that rounds each fill to cents, as far as that can drift: symbols x sqrt(fills each) cents.
    """
    closing = peer in CLOSE_FILLED
    fills = expected.close_fills if closing else expected.fills
    equity = expected.close_equity if closing else expected.equity
    within = CENT * sqrt(fills / expected.symbols) * expected.symbols if closing else EXACT
    found = []
    if answer["fills"] != fills:
        found.append(f"{peer}: {answer['fills']:,} fills, expected {fills:,}")
    if not abs(answer["equity"] - equity) <= within:
        found.append(f"{peer}: equity {answer['equity']:,.6f}, expected {equity:,.6f}")
    return found


def differing(peer: str, answers: Sequence[Answer]) -> list[str]:
    """Where the rounds of one program differ among themselves."""
    keys = ("fills", "equity", "decisions_hash")
    return [
        f"{peer}: {key} differs from round to round: {', '.join(map(str, sorted(values)))}"
        for key in keys
        if len(values := {one[key] for one in answers if key in one}) > 1
    ]


def row(peer: str, answers: Sequence[Answer]) -> dict[str, Any]:
    """The rounds of one program as one row. Medians over all its runs, MB the most; what it does not tell is None."""
    runs = [one for answer in answers for one in answer["run_s"]]
    busy = [one for answer in answers for one in answer.get("cpu_s", ())]
    run = median(runs)

    def middle(key: str) -> float | None:
        values = [one[key] for one in answers if one.get(key) is not None]
        return median(values) if values else None

    return {
        "peer": peer,
        "version": answers[0].get("version", ""),
        "runs": len(runs),
        "run_s": run,
        "run_min_s": min(runs),
        "run_max_s": max(runs),
        "cpu_s": median(busy) if busy else None,
        "bars_per_s": answers[0]["bars"] / run if run > 0 else None,
        "us_per_fill": run / answers[0]["fills"] * 1e6 if answers[0]["fills"] else None,
        "first_s": middle("first_s"),
        "load_s": middle("load_s"),
        "compile_s": middle("compile_s"),
        "process_s": middle("process_s"),
        "process_min_s": min(one["process_s"] for one in answers),
        "process_max_s": max(one["process_s"] for one in answers),
        "peak_rss_mb": max((one["peak_rss_mb"] for one in answers if one.get("peak_rss_mb")), default=None),
        "fills": answers[0]["fills"],
        "equity": answers[0]["equity"],
    }


def with_ratios(rows: Sequence[dict[str, Any]], by: str) -> list[dict[str, Any]]:
    """``ratio``: how many times as long as ours; None without ours. ``by`` is the key of the seconds."""
    ours = next((one[by] for one in rows if one["peer"] == OURS), None)
    return [one | {"ratio": one[by] / ours if ours else None} for one in rows]


def aims(wanted: Mapping[str, float], rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each program that shall take at least so many times as long as ours: the ratio and whether it is met; None
    where it was not measured."""
    found = {one["peer"]: one["ratio"] for one in rows}
    return {
        peer: {"aim": least, "ratio": (ratio := found.get(peer)), "met": None if ratio is None else ratio >= least}
        for peer, least in wanted.items()
    }


# -- as text -----------------------------------------------------------------------------------------

HEAD = ("program", "run s", "min-max", "CPU s", "bars/s", "µs/fill", "load s", "process s", "peak MB", "x ours",
        "fills", "equity")  # fmt: skip


def text(found: Mapping[str, Any]) -> str:
    """Everything that was measured, for people."""
    lines = [table(HEAD, [_cells(one) for one in found["rows"]])] if found["rows"] else []
    if found.get("compared") == "process_s":
        lines.append("x ours: the whole process, start to end")
    lines += [
        f"{one['peer']}: the first run of its process {one['first_s']:.3g} s, not counted"
        for one in found["rows"]
        if one["first_s"] is not None
    ]
    lines += [f"{key}: {value}" for key, value in found.get("told", {}).items()]
    if found.get("simulated"):
        lines.append(f"SIMULATED bars: {', '.join(found['simulated'])}; the others are recorded")
    for peer, one in found.get("aims", {}).items():
        said = "not measured" if one["met"] is None else f"{one['ratio']:.2f}, {'met' if one['met'] else 'MISSED'}"
        lines.append(f"aim: {peer} takes at least {one['aim']:g} x ours: {said}")
    lines += [f"left out: {peer}: {why}" for peer, why in found.get("missing", {}).items()]
    lines += [f"FAILED: {peer}: {why}" for peer, why in found["failed"].items()]
    lines += [f"WRONG: {one}" for one in found["wrong"]]
    if not found["wrong"] and not found["failed"]:
        lines.append("every result is as expected")
    lines.append(
        f"{found['case']}, {found['rounds']} rounds, {found['cores']} cores, Python {found['python']}, "
        f"load {found['load_before']} before and {found['load_after']} after"
    )
    return "\n".join(lines)


def _cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"{one['peer']} {one['version']}",
        f"{one['run_s']:.4g}",
        f"{one['run_min_s']:.4g}-{one['run_max_s']:.4g}",
        _said(one["cpu_s"], ".4g"),
        _said(one["bars_per_s"], ",.0f"),
        _said(one["us_per_fill"], ".3g"),
        _said(one["load_s"], ".3g"),
        _said(one["process_s"], ".2f"),
        _said(one["peak_rss_mb"], ",.0f"),
        _said(one.get("ratio"), ".3g"),
        f"{one['fills']:,}",
        f"{one['equity']:,.6f}",
    )


def _said(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
