"""What a person reads after a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.backtest.searches.space import written
from orchestration.terminal.output import aligned

NONE = "-"
MONEY, SHARE, NUMBER, COUNT = "{:,.2f}", "{:.2%}", "{:.3f}", "{:,}"
SHOWN = {
    "sharpe": NUMBER,
    "sortino": NUMBER,
    "calmar": NUMBER,
    "cagr": SHARE,
    "total_return": SHARE,
    "max_drawdown": SHARE,
    "trades": COUNT,
    "win_rate": SHARE,
    "profit_factor": NUMBER,
    "expectancy": MONEY,
}


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """How many trials, the best one in sample and out of sample, what to think of it, and the ten best."""
    counts = told["trials"]
    states = ", ".join(f"{count:,} {state}" for state, count in counts.items() if state != "made")
    yield f"{counts['made']:,} trials: {states or 'none'}"
    for name in ("in_sample", "out_of_sample"):
        one, title = told["fingerprints"][name], name.replace("_", " ")
        yield f"{title}: {one['from'][:16]} to {one['to'][:16]}, {one['bars']:,} bars, {one['sha256'][:16]}"
    if told["best"] is None:
        yield "no trial keeps the constraints" if told["constraints"] else "no trial has a value"
        return
    yield ""
    yield from _best(told)
    yield ""
    yield from _top(told)
    if told["warnings"]:
        yield ""
    for one in told["warnings"]:
        yield f"WARNING {one}"


def _best(told: Mapping[str, Any]) -> Iterator[str]:
    best, outside = told["best"], told["out_of_sample"]
    yield f"best: trial {best['number']}, {told['objective']} {best['objective']:.4g}"
    yield from (f"  {key} = {written(value)}" for key, value in best["values"].items())
    rows = [["", "in sample", "out of sample"]]
    for name, form in SHOWN.items():
        rows.append(
            [name, shown(told["in_sample"].get(name), form), shown(outside.get(name), form) if outside else NONE]
        )
    yield from aligned(rows, [False, True, True])
    luck = told["in_sample"]
    yield (
        f"deflated Sharpe {shown(told['deflated_sharpe'], SHARE)} (probability of more than the luck of the best of "
        f"{luck['trials']:,}; of a single trial it would be {shown(luck['probabilistic_sharpe'], SHARE)})"
    )
    around = told["neighbourhood"]
    if around is not None:
        yield f"the {around['trials']} nearest trials: {around['mean']:.4g} on average, {around['lowest']:.4g} at least"
    if outside is None:
        yield "out of sample: not looked at, the search is not at its end"


def _top(told: Mapping[str, Any]) -> Iterator[str]:
    keys = list(told["best"]["values"])
    rows = [["trial", told["objective"], "a year", "drawdown", "trades", *(key.partition(".")[2] for key in keys)]]
    for one in told["top"]:
        rows.append(
            [
                str(one["number"]),
                f"{one['objective']:.4g}",
                shown(one["cagr"], SHARE),
                shown(one["max_drawdown"], SHARE),
                shown(one["trades"], COUNT),
                *(written(one["values"][key]) for key in keys),
            ]
        )
    yield from aligned(rows, [True] * len(rows[0]))


def shown(value: float | int | None, form: str) -> str:
    return NONE if value is None else form.format(value)
