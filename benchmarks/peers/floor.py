"""The least that the yardstick can cost: one loop over numbers, as plain Python and compiled by numba.

No gate, no orders, no records: averages, target, cash. Symbols are separate walks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from benchmarks.peers.job import Job, Outcome, Table, answer, asked

PLAIN, COMPILED = "plain", "numba"
Walk = Callable[..., tuple[int, float]]


def walk(
    opens: Sequence[float],
    closes: Sequence[float],
    fast: int,
    slow: int,
    units: float,
    cash: float,
    commission: float,
    at_close: bool,
) -> tuple[int, float]:
    """Fills and final equity of one symbol; ``at_close`` fills at the close that signals, not at the next open."""
    quick, late = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    above = below = last = closes[0]
    held = wanted = 0.0
    fills = 0
    for bar in range(len(closes)):
        if wanted != held and not at_close:
            cash -= (wanted - held) * opens[bar] + abs(wanted - held) * opens[bar] * commission
            held = wanted
            fills += 1
        last = closes[bar]
        above = quick * last + (1.0 - quick) * above
        below = late * last + (1.0 - late) * below
        if bar >= slow:
            if above > below:
                wanted = units
            elif above < below:
                wanted = -units
        if wanted != held and at_close:
            cash -= (wanted - held) * last + abs(wanted - held) * last * commission
            held = wanted
            fills += 1
    return fills, cash + held * last


class Loaded(NamedTuple):
    walk: Walk
    series: list[tuple[Any, Any]]
    job: Job


def load(job: Job, tables: list[Table]) -> Loaded:
    if job.engine == COMPILED:
        return Loaded(compiled(), [(one.open, one.close) for one in tables], job)
    return Loaded(walk, [(one.open.tolist(), one.close.tolist()) for one in tables], job)


@cache
def compiled() -> Walk:
    import numba

    made: Walk = numba.njit(walk)
    return made


def run(loaded: Loaded, at_close: bool = False) -> Outcome:
    job = loaded.job
    terms = (job.fast, job.slow, float(job.units), job.cash, job.commission, at_close)
    found = [loaded.walk(opens, closes, *terms) for opens, closes in loaded.series]
    return Outcome(sum(fills for fills, _ in found), job.cash + sum(equity - job.cash for _, equity in found))


if __name__ == "__main__":
    engine = asked(sys.argv).engine
    answer(engine, "numba" if engine == COMPILED else "", load, run, warm=engine == COMPILED)
