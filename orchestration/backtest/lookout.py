"""What the gate sees of the market in a backtest: the newest bar of every symbol at the moment that is visited."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from actors.gate_view import GateView
from actors.prices import Prices
from actors.specs import GateSpec, RunSpec
from domain.instrument import Instrument
from domain.market import BarBatch
from domain.money import from_float

if TYPE_CHECKING:
    from orchestration.backtest.grid import Grid


class GridPrices(Prices):
    """Prices as they stand at one moment of the grid, looked up when they are asked for."""

    def __init__(self, run: RunSpec, grid: Grid) -> None:
        super().__init__(run)
        self._series, self._places = grid.series, grid.place
        self._closes = [one.close for one in grid.series]
        self._volumes = [np.ascontiguousarray(one.bars["volume"]) for one in grid.series]
        self._spreads = [np.ascontiguousarray(one.bars["spread"]) for one in grid.series]
        self._nothing = self._place = [-1] * len(run.rows)
        self._found: dict[str, int] = {}

    def reach(self, moment: int) -> None:
        """Stand at a moment; before the first there is no price."""
        self._place = self._places[moment].tolist() if moment >= 0 else self._nothing
        if self.run.convert:
            self._rates.clear()
        self._found.clear()

    def take(self, batch: BarBatch) -> None:
        return None

    def price(self, symbol: str) -> int:
        found = self._found.get(symbol)
        if found is None:
            place = self._place[self.row[symbol]] if symbol in self.row else -1
            found = from_float(self._closes[self.row[symbol]].item(place)) if place >= 0 else 0
            self._found[symbol] = found
        return found

    def bar_at(self, symbol: str) -> int:
        place = self._newest(symbol)
        return int(self._series[self.row[symbol]].ends[place]) if place >= 0 else 0

    def volume(self, symbol: str) -> float:
        place = self._newest(symbol)
        return self._volumes[self.row[symbol]].item(place) if place >= 0 else 0.0

    def spread(self, symbol: str, instrument: Instrument) -> int:
        place = self._newest(symbol)
        quoted = self._spreads[self.row[symbol]].item(place) if place >= 0 else math.nan
        return instrument.spread if math.isnan(quoted) else from_float(quoted)

    def _newest(self, symbol: str) -> int:
        row = self.row.get(symbol)
        return -1 if row is None else self._place[row]


class GridView(GateView):
    """Fills the gate's view; returns of moments that nobody visited are caught up with."""

    def __init__(self, spec: GateSpec, grid: Grid) -> None:
        self.grid = grid
        super().__init__(spec, GridPrices(spec.run, grid))
        self._moment = self._pushed = 0

    def stand(self, moment: int) -> None:
        """See the prices of a moment, and no more."""
        assert isinstance(self.prices, GridPrices)
        self.prices.reach(moment)

    def next(self, moment: int) -> None:
        """The moment whose bars come next: until they are taken, prices are those of the one before."""
        self._moment = moment
        if self.run.convert:
            self.stand(moment - 1)

    def take(self, batch: BarBatch) -> None:
        self.stand(self._moment)
        if self.returns is not None:
            grid = self.grid
            for number in range(self._pushed, self._moment + 1):
                part = grid.merged[grid.bounds[number] : grid.bounds[number + 1]]
                self.returns.push(int(grid.moments[number]), part["row"].astype(np.int64), part["close"])
            self._pushed = self._moment + 1
