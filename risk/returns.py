"""The last returns of every symbol of the feed, for correlation, volatility and value at risk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Returns:
    """The log returns of the last ``window`` moments, a column per symbol; a symbol without a bar has return 0."""

    def __init__(self, symbols: Sequence[str], window: int) -> None:
        self.window = window
        self.at = -1
        self._row = {symbol: row for row, symbol in enumerate(symbols)}

    def push(self, at: int, rows: NDArray[np.int64], closes: NDArray[np.float64]) -> None:
        """The closes of one moment (UTC ns), by row. A moment that is not later changes nothing."""
        self.at = max(self.at, at)
