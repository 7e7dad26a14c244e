"""One host with a forex pair and a coin: each symbol's higher bars begin where its asset class says."""

from __future__ import annotations

import numpy as np

from actors.agent_host import AgentHost
from actors.specs import HostSpec
from domain.market import BarBatch
from domain.timeframe import HOUR
from strategies.base import DAY, resolve
from strategies.confluence import confluence
from strategies.runner import Rows
from tests.factories import BTC, EURUSD
from tests.strategies.test_day_anchor import ASKED, hourly


def test_a_host_tells_each_row_its_asset_class_again_after_a_restart() -> None:
    spec = HostSpec(
        name="AgentHost:0",
        symbols=("EURUSD", "BTC"),
        rows=(0, 1),
        width=2,
        strategy="confluence",
        parameters=dict(ASKED),
        timeframe_ns=HOUR,
        instruments=(EURUSD, BTC),
    )
    made, one = AgentHost(spec), hourly()
    both = np.concatenate([one, one])
    both["row"] = np.repeat([0, 1], len(one))
    for _ in range(2):
        made.load(-1, BarBatch(at=int(one["ts"][-1]) + HOUR, bars=both[np.argsort(both["ts"], kind="stable")]))
        for row, asset_class in enumerate(("forex", "crypto")):
            alone = Rows(confluence, resolve(confluence, ASKED), 1, [asset_class])
            alone.series(one)
            assert made._rows.state[row].tobytes() == alone.state[0].tobytes()
        assert made._rows.state[:, DAY].tolist() == [1.0, 0.0]
