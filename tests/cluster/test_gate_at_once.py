"""Many threads ask one gate in a process of its own: together they get no more than the limits let through."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from actors.risk_manager import GateAnswer
from journal import schema as s
from orchestration.cluster import RayRuntime
from orchestration.topology import ActorSpec
from tests.actors.desk import Desk, template
from tests.actors.test_gate_under_load import MANY, many, prices

pytestmark = pytest.mark.ray


def test_threads_at_once_never_exceed_the_limits(ray_runtime: RayRuntime, tmp_path: Path) -> None:
    gate, executor = template(tmp_path)
    limits = {"max_open_positions": 7, "max_trades_per_day": 6, "max_leverage": 0.58}
    desk = Desk(
        (many(gate), executor), tmp_path / "template.db", tmp_path, risk={**limits, "explicit": frozenset(limits)}
    )
    named = msgspec.structs.replace(desk.gate_spec)
    ray_runtime.spawn([ActorSpec(name="RiskManager", shows="", build="orchestration.parts:risk_manager", spec=named)])
    ray_runtime.ready(60)

    def ask(method: str, *args: object) -> GateAnswer:
        answer: GateAnswer = ray_runtime.get("RiskManager", ray_runtime.ask("RiskManager", method, *args), 60)
        return answer

    try:
        ask("snapshot", prices(desk.at, dict.fromkeys(MANY, 1.1)))
        with ThreadPoolExecutor(len(MANY)) as callers:
            said = list(callers.map(lambda symbol: ask("reserve", [], [desk.wish(symbol)], desk.at), MANY))
    finally:
        ray_runtime.clear()

    assert sum(len(one.orders) for one in said) == len(desk.rows(s.reservations)) == 5
    assert {one.code for each in said for one in each.denied} <= {"MAX_LEVERAGE", "SIZE_TOO_SMALL"}
    desk.close()
