"""The figures that the observer makes of a run's events, against the events themselves."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.observer import Observer
from domain.events import Draft
from domain.metrics import COUNTER, HISTOGRAM, METRICS
from journal.store import Store
from tests.flow.system import START, Story, System, path

UP_AND_DOWN = path((40, -0.0001), (40, 0.0003), (60, -0.0003))


class Meter:
    """Keeps what it is told, and refuses what no table has."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.gauges: dict[str, float] = {}
        self.seen: dict[str, list[float]] = {}

    def count(self, name: str, by: float = 1, **tags: str) -> None:
        assert (METRICS[name].kind, METRICS[name].tags) == (COUNTER, tuple(tags))
        self.counts[" ".join((name, *tags.values()))] += by  # type: ignore[assignment]

    def gauge(self, name: str, value: float) -> None:
        assert METRICS[name].kind == "gauge"
        self.gauges[name] = value

    def observe(self, name: str, value: float) -> None:
        assert METRICS[name].kind == HISTOGRAM
        assert METRICS[name].buckets
        self.seen.setdefault(name, []).append(value)


class Clock:
    def now(self) -> int:
        return START + 10**12


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def measured(story: Story, *more: Draft, live: bool = False) -> Meter:
    """What an observer of its own makes of the run, and of what is written besides."""
    run = msgspec.structs.replace(story.runtime.object("Observer")._run, live=live)
    store, meter = Store(story.url, 1), Meter()
    if more:
        with store.transaction() as tx:
            tx.emit(story.run_id, more)
    watching = Observer(store, run, meter, Clock())
    watching._catch_up()
    watching._catch_up()
    store.close()
    return meter


def test_what_is_counted_is_what_happened(system: System) -> None:
    story = system.run({"EURUSD": UP_AND_DOWN}, sets=("risk.max_trades_per_day=2",))
    meter = measured(story)

    kinds = Counter(one["type"] for one in story.events)
    assert meter.counts["argus_cycles"] == kinds["SCAN_SUMMARY"]
    assert meter.counts["argus_candidates"] == kinds["CANDIDATE"]
    assert meter.counts["argus_orders"] == kinds["ORDER_SUBMITTED"] > 0
    assert meter.counts["argus_order_steps FILLED"] == kinds["ORDER_FILLED"] > 0
    assert meter.counts["argus_fills"] == kinds["TRADE_EXECUTION"]
    denied = Counter(one["data"]["code"] for one in story.of("RISK_DENIED"))
    assert {name: count for name, count in meter.counts.items() if name.startswith("argus_denials")} == {
        f"argus_denials {code}": count for code, count in denied.items()
    }
    assert denied
    won = sum(one["data"]["pnl"] > 0 for one in story.of("POSITION_CLOSED"))
    assert meter.counts["argus_trades won"] == won
    assert meter.counts["argus_trades lost"] == kinds["POSITION_CLOSED"] - won


def test_the_account_is_that_of_the_newest_cycle(system: System) -> None:
    story = system.run({"EURUSD": path((40, -0.0001), (20, 0.0003), (10, -0.001))})
    gauges = measured(story).gauges

    last = story.of("SCAN_SUMMARY")[-1]["data"]
    assert gauges["argus_equity"] == last["equity"]
    assert gauges["argus_balance"] == last["balance"]
    assert gauges["argus_day_profit"] == pytest.approx(last["equity"] - last["day_equity"])
    assert gauges["argus_trading_state"] == 0
    assert gauges["argus_engine_state"] == 6
    (held,) = story.summary.positions
    assert gauges["argus_positions"] == 1
    assert gauges["argus_exposure"] == pytest.approx(held["quantity"] * held["price"])
    peak = max(one["data"]["equity"] for one in story.of("SCAN_SUMMARY"))
    assert gauges["argus_drawdown"] == pytest.approx(1 - last["equity"] / peak, rel=1e-3)
    assert gauges["argus_drawdown"] > 1e-4
    assert gauges["argus_events_seq"] == story.events[-1]["seq"]
    assert "argus_feed_age_seconds" not in gauges


def test_nothing_held_is_no_exposure(system: System) -> None:
    gauges = measured(system.run({"EURUSD": path((20, 0.0))})).gauges

    assert (gauges["argus_positions"], gauges["argus_exposure"], gauges["argus_drawdown"]) == (0, 0.0, 0.0)


def test_the_feed_of_a_live_run_has_an_age(system: System) -> None:
    story = system.run({"EURUSD": path((20, 0.0))})
    scanned = story.of("SCAN_SUMMARY")[-1]["data"]["at"]

    assert scanned == "2024-01-01T00:21:00Z"
    assert measured(story, live=True).gauges["argus_feed_age_seconds"] == max(0, 1000 - 21 * 60)


def test_slippage_is_against_the_price_that_was_planned(system: System) -> None:
    story = system.run({"EURUSD": UP_AND_DOWN}, sets=("venues.paper.slippage_bps=30", "venues.paper.spread=none"))
    found = measured(story).seen["argus_slippage_bps"]

    planned = {one["data"]["order_id"]: one["data"]["entry"] for one in story.of("RISK_APPROVED")}
    fills = [one["data"] for one in story.of("TRADE_EXECUTION")]
    assert found == [pytest.approx(worse(one, planned[one["order_id"]])) for one in fills]
    assert {one["side"] for one in fills} == {"BUY", "SELL"}
    assert all(25 < one < 35 for one in found)


def worse(fill: dict[str, Any], planned: float) -> float:
    """Basis points paid beyond the plan."""
    change = fill["price"] / planned - 1
    return 1e4 * (change if fill["side"] == "BUY" else -change)


def alert(kind: str, key: str, **facts: Any) -> Draft:
    return Draft("ALERT", START, key, {"alert": kind, **facts})


def order(status: str, order_id: str, key: str) -> Draft:
    return Draft(f"ORDER_{status}", START, key, {"order_id": order_id}, "EURUSD")


def test_alerts_restarts_errors_and_orders_of_which_nothing_is_known(system: System) -> None:
    meter = measured(
        system.run({"EURUSD": path((5, 0.0))}),
        *(
            alert(kind, kind, actor="Executor", reason="it died", restarts=1)
            for kind in ("ACTOR_RESTARTED", "ACTOR_HANGS", "ACTOR_GIVEN_UP")
        ),
        alert("RESOURCE", "4", resource="disk", value=91.0, limit=90.0, severity="critical"),
        Draft("ERROR", START, "e", {"cycle": 1, "attempt": 1, "error": "x"}),
        order("UNKNOWN", "a", "a1"),
        order("UNKNOWN", "b", "b1"),
        order("FILLED", "a", "a2"),
    )

    assert meter.counts["argus_actor_restarts Executor"] == 2
    assert meter.counts["argus_alerts RESOURCE"] == 1
    assert meter.counts["argus_errors"] == 1
    assert meter.gauges["argus_orders_unknown"] == 1
