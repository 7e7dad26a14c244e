"""The stationary bootstrap: a series drawn again in blocks of random length, so that what hangs together stays so.

Politis, Romano: The Stationary Bootstrap, JASA 89(428), 1994. The block length is by Politis, White: Automatic
Block-Length Selection for the Dependent Bootstrap, Econometric Reviews 23(1), 2004, with the correction of Patton,
Politis, White, Econometric Reviews 28(4), 2009.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orchestration.backtest.measures.ratios import constant
from orchestration.backtest.result import Floats

SHORTEST = 16
"""Fewer values say nothing of how they hang together: the block length is then the cube root of the count."""


def block_length(values: Floats) -> float:
    """The mean block length with the least error of the variance of the mean; from 1 to min(3 root n, n / 3)."""
    count = len(values)
    if count < SHORTEST or constant(values):
        return max(1.0, float(np.cbrt(count)))
    longest = math.ceil(min(3 * math.sqrt(count), count / 3))
    window = max(5, int(math.log10(count)))
    lags = min(math.ceil(math.sqrt(count)) + window, count - 1)
    centred = values - values.mean()
    covariance = np.array([float(centred[lag:] @ centred[: count - lag]) for lag in range(lags + 1)]) / count
    quiet = np.abs(covariance[1:] / covariance[0]) < 2 * math.sqrt(math.log10(count) / count)
    runs = np.convolve(quiet, np.ones(window), "valid") == window  # that many lags without correlation
    reach = min(2 * (int(runs.argmax()) + 1), lags) if runs.any() else lags
    lag = np.arange(1, reach + 1)
    weight = np.minimum(1.0, 2 * (1 - lag / reach)) * 2 * covariance[1 : reach + 1]
    spectrum = float(covariance[0] + weight.sum())
    if spectrum == 0:
        return float(longest)
    slope = float((weight * lag).sum())
    return float(min(max((slope / spectrum) ** 2 * count, 1.0) ** (1 / 3), longest))


def block_places(draw: np.random.Generator, paths: int, count: int, length: float) -> NDArray[np.int64]:
    """For each path ``count`` places of a series of ``count`` values: blocks of geometric length, ``length`` on
    average, from random starts, going on with the first value after the last."""
    starts = draw.integers(0, count, size=(paths, count))
    begins = draw.random((paths, count)) < 1 / length
    begins[:, 0] = True
    steps = np.arange(count)
    first = np.maximum.accumulate(np.where(begins, steps, 0), axis=1)
    places: NDArray[np.int64] = (np.take_along_axis(starts, first, axis=1) + steps) % count
    return places
