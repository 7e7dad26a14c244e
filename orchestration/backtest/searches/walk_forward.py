"""A walk through the data: parameters are chosen in sample, tried on what follows, and the window moves on.

Every out-of-sample part begins with the equity that the one before ended with and with an empty book: what is open at
its end counts at the last close, without the costs of closing it. Limits, locks and the kill switch begin anew with
it, as for an account of that equity. Its warm-up are the bars in sample, which are not counted again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import msgspec
import numpy as np

from domain.errors import ArgusError, ConfigError
from domain.timeframe import DAY, iso
from orchestration.backtest.result import Result
from orchestration.backtest.running import Ready, run
from orchestration.backtest.searches import splits
from orchestration.backtest.searches.optimising import plan_of
from orchestration.backtest.searches.search import Plan, Pool, Progress, Search, Setter, Stop, best
from orchestration.backtest.searches.space import Value
from orchestration.backtest.searches.splits import Window
from orchestration.backtest.searches.study import Asked
from orchestration.settings import Overrides, Settings, built_strategy, strategy_parameters

Plain = dict[str, Any]
YEAR = 365.25 * DAY

CHOSEN, BEFORE, GIVEN = "chosen", "as before", "as given"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One window. ``how`` the values came about: chosen here, as in the window before where no trial kept the
    constraints, or as given. ``inside`` and ``outside`` are metrics, ``trials`` how many sets were tried."""

    window: Window
    values: dict[str, Value]
    how: str
    inside: Plain
    outside: Plain
    cash: float
    equity_final: float
    open_at_end: int
    trials: int = 0


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """``result`` is the whole out-of-sample time as one backtest; ``steps`` its windows; ``stopped``: before the last
    one; ``ruined``: nothing was left to begin the next window with. ``unused``: the time after the last one (ns)."""

    result: Result
    steps: list[Step]
    anchored: bool
    stopped: bool
    ruined: bool
    unused: tuple[int, int] | None


class Walker:
    """``asked`` None evaluates the settings as they are; else each in-sample part is searched, by ``pool``."""

    def __init__(self, given: Overrides, ready: Ready, asked: Asked | None, pool: Pool | None) -> None:
        self._ready, self._pool = ready, pool
        self._setter = Setter(given, ready.settings)
        self._plan: Plan | None = None if asked is None else plan_of(asked, ready.settings)
        self._settings, self._values, self._how = ready.settings, dict[str, Value](), GIVEN

    def walk(self, made: Sequence[Window], anchored: bool, progress: Progress, stop: Stop) -> Walk:
        """Raises ConfigError where a window's in-sample part is shorter than the warm-up."""
        self._long_enough(made)
        steps: list[Step] = []
        parts: list[Result] = []
        cash, stopped, ruined = self._ready.settings.account.cash, False, False
        for number, window in enumerate(made):
            progress(number, len(made))
            trials = self._choose(window, stop)
            if stop():
                stopped = True
                break
            part = splits.inside(self._ready, window.inside.start, window.inside.end)
            before = run(part.with_settings(self._settings), stop=stop)
            after = run(splits.outside(self._ready, window).with_settings(with_cash(self._settings, cash)), stop=stop)
            if before.partial or after.partial:
                stopped = True
                break
            steps.append(self._step(window, before, after, trials))
            parts.append(msgspec.structs.replace(after, prices={}))  # each holds its bars in sample as well
            cash = after.equity_final
            if cash <= 0:
                ruined = True
                break
        progress(len(made), len(made))
        if not parts:
            raise ArgusError("stopped before the first window was done: nothing to tell")
        last, end = made[-1].outside.end, int(self._ready.grid.moments[-1])
        return Walk(
            result=stitched(self._ready, parts, stopped),
            steps=steps,
            anchored=anchored,
            stopped=stopped,
            ruined=ruined,
            unused=(last, end) if last < end else None,
        )

    def _choose(self, window: Window, stop: Stop) -> int:
        """Search this window; how many sets were tried."""
        if self._plan is None or self._pool is None:
            return 0
        searching = Search(self._plan, self._setter, window, self._pool)
        trials = searching.run(self._ready, lambda done, total: None, stop)
        chosen = best(trials)
        if chosen is not None:
            self._settings = self._setter.settings(chosen.values)
            self._values, self._how = chosen.values, CHOSEN
        elif self._how == CHOSEN:
            self._how = BEFORE
        return sum(one.made for one in trials)

    def _step(self, window: Window, before: Result, after: Result, trials: int) -> Step:
        from orchestration.backtest.measures.metrics import metrics

        outside = metrics(after)
        return Step(
            window=window,
            values=dict(self._values),
            how=self._how,
            inside=metrics(before),
            outside=outside,
            cash=after.cash,
            equity_final=outside["equity_final"],
            open_at_end=len(after.positions),
            trials=trials,
        )

    def _long_enough(self, made: Sequence[Window]) -> None:
        from strategies.base import resolve

        settings = self._ready.settings
        strategy = built_strategy(settings.strategy)
        warm_up = strategy.warm_up(resolve(strategy, strategy_parameters(settings)))
        grid = self._ready.grid
        for one in made:
            part = grid.between(one.inside.start, one.inside.end, 0)
            most = max(len(series.bars) for series in part.series[: len(settings.symbols)])
            if most <= warm_up:
                raise ConfigError(
                    f"in sample after {iso(one.inside.start)} are {most:,} bars, and strategy {strategy.name} warms up "
                    f"over {warm_up:,}: give longer windows, or smaller parameters"
                )


def with_cash(settings: Settings, cash: int) -> Settings:
    """The same with another cash at the start (1e-9)."""
    return msgspec.structs.replace(settings, account=msgspec.structs.replace(settings.account, cash=cash))


def stitched(ready: Ready, parts: Sequence[Result], stopped: bool = False) -> Result:
    """The out-of-sample parts as one backtest, in their order."""
    first, last = parts[0], parts[-1]
    start, end = int(first.moments[0]), int(last.moments[-1])
    series = ready.grid.series
    prices = {}
    for row, symbol in enumerate(ready.settings.symbols):
        low, high = np.searchsorted(series[row].ends, (start, end + 1))
        prices[symbol] = series[row].bars[low:high]
    return Result(
        settings=ready.settings,
        info=first.info,
        instruments=first.instruments,
        bars=sum(one.bars for one in parts),
        prices=prices,
        moments=np.concatenate([one.moments for one in parts]),
        equity=np.concatenate([one.equity for one in parts]),
        exposure=np.concatenate([one.exposure for one in parts]),
        equity_final=last.equity_final,
        fills=_joined(parts, lambda one: one.fills),
        orders=_joined(parts, lambda one: one.orders),
        closes=_joined(parts, lambda one: one.closes),
        refusals=_joined(parts, lambda one: one.refusals),
        decisions=_joined(parts, lambda one: one.decisions),
        positions=last.positions,
        states=_joined(parts, lambda one: one.states),
        locks=_joined(parts, lambda one: one.locks),
        errors=tuple(dict.fromkeys(_joined(parts, lambda one: one.errors))),
        notices=ready.notices,
        partial=stopped,
        load_s=ready.load_s,
        compile_s=ready.compile_s,
        elapsed_s=sum(one.elapsed_s for one in parts),
    )


def _joined(parts: Sequence[Result], of: Callable[[Result], Sequence[Any]]) -> tuple[Any, ...]:
    return tuple(one for part in parts for one in of(part))


# -- what is told ----------------------------------------------------------------------------------


def told(walk: Walk) -> Plain:
    """The part ``walk_forward`` of the document."""
    inside = [_a_year(one.inside, one.window.inside) for one in walk.steps]
    outside = [_a_year(one.outside, one.window.outside) for one in walk.steps]
    mean_in, mean_out = _mean(inside), _mean(outside)
    return {
        "anchored": walk.anchored,
        "stopped": walk.stopped,
        "ruined": walk.ruined,
        "trials": sum(one.trials for one in walk.steps),
        "return_a_year_in_sample": mean_in,
        "return_a_year_out_of_sample": mean_out,
        "efficiency": mean_out / mean_in if mean_in is not None and mean_out is not None and mean_in > 0 else None,
        "windows_won": sum(one.equity_final > one.cash for one in walk.steps),
        "unused": None if walk.unused is None else {"from": iso(walk.unused[0]), "to": iso(walk.unused[1])},
        "conventions": {
            "efficiency": "mean over the windows of the simple return a year out of sample, over that in sample",
            "open": "what is open at the end of a window counts at the last close; the next one begins without it",
            "warm_up": "the bars in sample warm up the out-of-sample part; nothing of them is counted there",
            "limits": "limits, locks and the kill switch begin anew with every window",
        },
        "windows": [
            {
                "in_sample": one.window.inside.told(),
                "out_of_sample": one.window.outside.told(),
                "values": one.values,
                "values_are": one.how,
                "trials": one.trials,
                "cash": one.cash,
                "equity_final": one.equity_final,
                "open_at_end": one.open_at_end,
                "return_a_year_in_sample": before,
                "return_a_year_out_of_sample": after,
                "metrics_in_sample": _numbers(one.inside),
                "metrics_out_of_sample": _numbers(one.outside),
            }
            for one, before, after in zip(walk.steps, inside, outside, strict=True)
        ],
    }


def _a_year(metrics: Plain, part: splits.Span) -> float | None:
    total = metrics.get("total_return")
    return None if total is None else float(total) * YEAR / (part.end - part.start)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return fmean(known) if known and len(known) == len(values) else None


def _numbers(metrics: Plain) -> Plain:
    return {name: one for name, one in metrics.items() if one is None or isinstance(one, int | float)}
