"""What else could have come of a backtest: its trades in another order, drawn again, or its days drawn in blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import ConfigError
from orchestration.backtest.measures.blocks import block_length, block_places
from orchestration.backtest.measures.history import History
from orchestration.backtest.measures.ratios import finite
from orchestration.backtest.result import Floats

METHODS = ("trades", "shuffle", "blocks")
QUANTILES = (5, 25, 50, 75, 95)
MOST_PATHS = 100_000

POINTS = 201
"""At most so many steps of a path are kept for the bands."""
KEPT, CHUNK = 8_000_000, 1_000_000
"""Values that are kept in all, and that are made at once: the memory does not grow with paths x steps."""

_ROUNDING = 1e-9

Plain = dict[str, Any]
Paths = Callable[[int], Floats]
"""So many paths of equity: one row each, a column per step."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """``block``: mean length of a block (None: by the data). ``limit``: a drawdown as a fraction, for its probability.

    Raises ConfigError for what no simulation can be made of.
    """

    method: str = "trades"
    paths: int = 1000
    block: int | None = None
    seed: int = 7
    limit: float = 0.2

    def __post_init__(self) -> None:
        problems = []
        if self.method not in METHODS:
            problems.append(f"--method {self.method}: allowed: {', '.join(METHODS)}")
        if not 1 <= self.paths <= MOST_PATHS:
            problems.append(f"--paths {self.paths}: allowed: 1 to {MOST_PATHS:,}")
        if self.block is not None and self.method != "blocks":
            problems.append("--block needs --method blocks")
        elif self.block is not None and self.block < 1:
            problems.append(f"--block {self.block}: allowed: 1 or more")
        if self.seed < 0:
            problems.append(f"--seed {self.seed}: allowed: 0 or more")
        if not 0 < self.limit <= 1:
            problems.append(f"--limit {self.limit}: allowed: a fraction above 0, at most 1")
        if problems:
            raise ConfigError(problems)


def montecarlo(history: History, asked: Asked) -> Plain:
    """The simulation as plain numbers. Raises ConfigError where the history has too little for the method.

    trades, shuffle: money is added, the size of a trade does not change with equity. blocks: returns are multiplied.
    Drawdowns are fractions of the highest equity so far and negative; a quantile of 5 is the bad end of everything.
    """
    draw = np.random.default_rng(asked.seed)
    length: float | None = None
    if asked.method == "blocks":
        returns = _returns(history)
        length = float(asked.block) if asked.block is not None else block_length(returns)
        if length > len(returns):
            raise ConfigError(f"--block {asked.block}: {history.name} has {len(returns)} days")
        make, steps = _of_blocks(draw, history.cash, returns, length), len(returns)
        real = history.equity
    else:
        nets = history.nets
        if len(nets) < 2:
            raise ConfigError(f"{history.name} has {len(nets)} closed trades: --method {asked.method} needs 2 or more")
        make, steps = _of_trades(draw, history.cash, nets, again=asked.method == "trades"), len(nets)
        real = history.cash + np.cumsum(nets)
    marks = _marks(steps, asked.paths)
    made = _simulated(make, history.cash, asked.paths, steps, marks)
    return _told(history, asked, length, real, marks, made)


# -- paths -----------------------------------------------------------------------------------------


def _returns(history: History) -> Floats:
    if len(history.equity) < 2:
        raise ConfigError(f"{history.name} has {len(history.equity)} days: --method blocks needs 2 or more")
    lost = np.flatnonzero(history.equity <= 0)
    if len(lost):
        day = history.dates[int(lost[0])]
        raise ConfigError(f"{history.name}: equity is 0 or less on {day}, there are no returns from there on")
    found: Floats = history.equity / np.append(history.cash, history.equity[:-1]) - 1
    return found


def _of_trades(draw: np.random.Generator, cash: float, nets: Floats, *, again: bool) -> Paths:
    """``again``: drawn with replacement, else each once in another order."""

    def make(paths: int) -> Floats:
        if again:
            drawn = nets[draw.integers(0, len(nets), size=(paths, len(nets)))]
        else:
            drawn = draw.permuted(np.broadcast_to(nets, (paths, len(nets))), axis=1)
        np.cumsum(drawn, axis=1, out=drawn)
        drawn += cash
        return drawn

    return make


def _of_blocks(draw: np.random.Generator, cash: float, returns: Floats, length: float) -> Paths:
    factors = 1 + returns

    def make(paths: int) -> Floats:
        drawn = factors[block_places(draw, paths, len(factors), length)]
        np.cumprod(drawn, axis=1, out=drawn)
        drawn *= cash
        return drawn

    return make


class _Made(msgspec.Struct):
    """Of each path: its end, its deepest drawdown, its lowest equity, and equity at the marks."""

    final: Floats
    drawdown: Floats
    lowest: Floats
    at_marks: Floats


@np.errstate(all="ignore")
def _simulated(make: Paths, cash: float, paths: int, steps: int, marks: NDArray[np.int64]) -> _Made:
    made = _Made(np.empty(paths), np.empty(paths), np.empty(paths), np.empty((paths, len(marks))))
    chunk = max(1, CHUNK // steps)
    for start in range(0, paths, chunk):
        part = slice(start, min(start + chunk, paths))
        equity = make(part.stop - part.start)
        made.final[part] = equity[:, -1]
        made.lowest[part] = equity.min(axis=1)
        made.at_marks[part] = equity[:, marks]
        made.drawdown[part] = deepest(cash, equity)
    return made


@np.errstate(all="ignore")
def deepest(cash: float, equity: Floats) -> Floats:
    """The deepest drawdown of each row, the cash before it included; 0 where it only rises."""
    peaks = np.maximum.accumulate(equity, axis=1)
    np.maximum(peaks, cash, out=peaks)
    np.divide(equity, peaks, out=peaks)
    found: Floats = np.minimum(peaks.min(axis=1) - 1, 0.0)
    return found


def _marks(steps: int, paths: int) -> NDArray[np.int64]:
    """The steps whose equity is kept, the last one among them."""
    count = max(2, min(steps, POINTS, KEPT // paths))
    return np.unique(np.linspace(0, steps - 1, count).round().astype(np.int64))


# -- what is told ----------------------------------------------------------------------------------


@np.errstate(all="ignore")
def _told(
    history: History, asked: Asked, length: float | None, real: Floats, marks: NDArray[np.int64], made: _Made
) -> Plain:
    depth = float(deepest(history.cash, real[np.newaxis])[0])
    bands = np.percentile(made.at_marks, QUANTILES, axis=0)
    unit = "days" if asked.method == "blocks" else "trades"
    return {
        "result": history.name,
        "method": asked.method,
        "paths": asked.paths,
        "seed": asked.seed,
        "block": length,
        "block_by": None if length is None else "given" if asked.block is not None else "politis-white",
        "unit": unit,
        "steps": len(real),
        "currency": history.currency,
        "cash": history.cash,
        "observed": {
            "equity_final": finite(real[-1]),
            "max_drawdown": finite(depth),
            "paths_with_lower_final": _share_below(made.final, float(real[-1])),
            "paths_with_deeper_drawdown": _share_below(made.drawdown, depth),
        },
        "equity_final": _distribution(made.final),
        "max_drawdown": _distribution(made.drawdown),
        "probability_of_loss": _share_below(made.final, history.cash),
        "drawdown_limit": asked.limit,
        "probability_of_drawdown": float(np.mean(made.drawdown <= _ROUNDING - asked.limit)),
        "probability_of_ruin": float(np.mean(made.lowest <= _ROUNDING * history.cash)),
        "bands": {
            "step": [0, *(int(one) + 1 for one in marks)],
            "observed": [history.cash, *map(finite, real[marks])],
            **{f"p{q}": [history.cash, *map(finite, band)] for q, band in zip(QUANTILES, bands, strict=True)},
        },
        "notes": _notes(history, asked),
    }


def _share_below(values: Floats, mark: float) -> float:
    """Sums of the same trades in another order are the same."""
    return float(np.mean(values < mark - _ROUNDING * abs(mark)))


def _distribution(values: Floats) -> Plain:
    found = np.percentile(values, QUANTILES)
    return {f"p{q}": finite(one) for q, one in zip(QUANTILES, found, strict=True)} | {
        "mean": finite(values.mean()),
        "lowest": finite(values.min()),
        "highest": finite(values.max()),
    }


def _notes(history: History, asked: Asked) -> list[str]:
    told = {
        "trades": "trades are drawn with replacement and added up: sizes do not follow equity, days do not count",
        "shuffle": "the same trades in another order and added up: every path ends alike, the way there differs",
        "blocks": "days are drawn in blocks and multiplied: sizes follow equity, drawdowns inside a day are not seen",
    }
    notes = [told[asked.method]]
    if history.unfinished and asked.method != "blocks":
        notes.append(f"{history.unfinished} closes of positions that are still open are left out")
    if history.partial:
        notes.append("the backtest was stopped before the end of its data")
    return notes
