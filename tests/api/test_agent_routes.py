"""The routes under the names of system 000, and the folder of backtests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journal import database, schema
from tests.api.routes_desk import Desk, holding, played

RUN = "20240102T000000-aaaa"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path / "home"))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    one = Desk(url, tmp_path / "backtests")
    yield one
    one.close()


# -- looking ---------------------------------------------------------------------------------------


def test_before_the_first_run_it_is_inactive(desk: Desk) -> None:
    told = desk.get("/api/v1/agent/status")

    assert told == {"status": "Inactive", "is_running": False, "stats": None, "message": "no run yet"}


def test_the_figures_have_the_names_of_system_000(desk: Desk, tmp_path: Path) -> None:
    played(desk.url, RUN, tmp_path, cycles=100)
    told = desk.get("/api/v1/agent/status")
    metrics = desk.get("/api/performance/metrics")

    stats = told["stats"]
    names = {"data_fetcher", "planner", "executor", "observer", "performance"}
    assert set(stats) == names | {"active_positions", "current_strategy", "uptime_seconds"}
    assert set(stats["data_fetcher"]) == {"cached_quotes", "cached_prices", "configured_pairs", "fetch_interval_ms"}
    assert stats["performance"]["total_trades"] == metrics["trades"]["trades"]
    assert stats["performance"]["total_pnl"] == metrics["trades"]["net_profit"]
    assert stats["executor"]["total"] == len([one for one in desk.rows(schema.orders) if one.answer == "APPROVED"])
    assert stats["planner"]["denied"] == len([one for one in desk.rows(schema.orders) if one.answer == "DENIED"])
    with holding(desk.url, RUN):
        alive = desk.get("/api/v1/agent/status")
    assert (alive["status"], alive["is_running"]) == ("Active", True)
    assert desk.get("/api/v1/agent/state")["equity"] == desk.get("/api/account")["equity"]


# -- asking ----------------------------------------------------------------------------------------


def test_it_starts_a_run(desk: Desk) -> None:
    body = {
        "token_pairs": ["EURUSD", "BTC"],
        "strategies": [{"strategy_type": "ema_cross", "min_spread_bps": 50}],
        "data_fetch_interval_ms": 2500,
        "learning_enabled": True,
    }
    told = desk.post("/api/v1/agent/start", body)

    (wanted,) = desk.processes.asked
    assert (wanted.symbols, wanted.strategy, wanted.interval) == (["EURUSD", "BTC"], "ema_cross", 2.5)
    assert told["message"] == "starting; not used: learning_enabled, min_spread_bps"


@pytest.mark.parametrize(
    "more",
    [
        {"openai_api_key": "sk-very-secret"},
        {"strategies": [{"strategy_type": "grid", "PRIVATE-KEY": "sk-very-secret"}]},
        {"wallet": {"deep": [{"apiKey": "sk-very-secret"}]}},
    ],
)
def test_keys_are_never_taken(desk: Desk, more: dict[str, Any]) -> None:
    told = desk.post("/api/v1/agent/start", {"token_pairs": ["EURUSD"]} | more, status=422)

    assert told["error"]["code"] == "KEY_IN_BODY"
    assert "sk-very-secret" not in json.dumps(told)
    assert desk.processes.asked == []
    assert desk.rows(schema.commands) == []


@pytest.mark.parametrize("path", ["stop", "rebalance", "emergency-stop", "strategy"])
def test_keys_are_not_taken_elsewhere_either(desk: Desk, path: str) -> None:
    told = desk.post(f"/api/v1/agent/{path}", {"openai_api_key": "sk"}, status=422)
    assert told["error"]["code"] == "KEY_IN_BODY"


def test_an_emergency_stop_needs_no_body(desk: Desk) -> None:
    told = desk.client.post("/api/v1/agent/emergency-stop")

    assert told.status_code == 200
    (row,) = desk.rows(schema.commands)
    assert (row.verb, row.who, json.loads(row.arguments)["flatten"]) == ("halt", "api:operator@test", True)


def test_what_there_is_not_is_refused_with_what_there_is(desk: Desk) -> None:
    for path, code in (("strategy", "NOT_WHILE_RUNNING"), ("rebalance", "NOT_SUPPORTED")):
        told = desk.post(f"/api/v1/agent/{path}", {}, status=409)
        assert told["error"]["code"] == code
        assert told["error"]["legal"] == ["emergency-stop", "remove-lock", "start"]
    assert desk.post("/api/v1/agent/stop", {}, status=409)["error"]["code"] == "ILLEGAL_STATE"


# -- presets ---------------------------------------------------------------------------------------


def test_a_preset_is_validated_with_every_problem_at_once(desk: Desk) -> None:
    good = {"preset": "balanced", "values": {"risk": {"max_open_positions": 3}, "strategy": {"fast": 5, "slow": 20}}}
    wrong = {"values": {"risk": {"max_open_positions": "many", "max_drawdown": 7}, "feed": {"data": ["/etc"]}}}

    assert desk.post("/api/presets/validate", good) == {"ok": True, "problems": [], "notices": []}
    told = desk.post("/api/presets/validate", {"values": {"risk": wrong["values"]["risk"]}})
    assert (told["ok"], len(told["problems"])) == (False, 2)
    told = desk.post("/api/presets/validate", wrong)
    assert told["problems"] == ["feed.data: only risk, exits, strategy, account, venues, research are checked here"]
    told = desk.post("/api/presets/validate", {"values": {"risk.news": ["/etc/passwd"]}})
    assert "files are not read here" in told["problems"][0]
    assert not desk.post("/api/presets/validate", {"preset": "none"})["ok"]
    assert not desk.post("/api/presets/validate", {"strategy": "none"})["ok"]
    assert not desk.post("/api/presets/validate", {"values": {"strategy": {"fast": "x"}}})["ok"]


def test_every_shipped_preset_is_good(desk: Desk) -> None:
    for one in desk.get("/api/presets")["items"]:
        assert desk.post("/api/presets/validate", {"values": one["values"]})["ok"], one["name"]


@pytest.mark.parametrize(
    "values",
    [
        {"risk": "x"},
        {"risk": {"a b": 1}},
        {"": {}},
        {"risk": {"x" * 5000: 1}},
        {"venues": [1]},
        {"venues": {"paper": {"x": 1}}},
    ],
)
def test_odd_values_are_problems(desk: Desk, values: dict[str, Any]) -> None:
    told = desk.post("/api/presets/validate", {"values": values})
    assert told["ok"] is (values == {"venues": [1]} or values == {"": {}})


# -- backtests -------------------------------------------------------------------------------------


@pytest.fixture
def folder(desk: Desk, tmp_path: Path) -> Path:
    found = tmp_path / "backtests"
    found.mkdir()
    result = {"decisions_hash": "ab", "metrics": {"sharpe": 1.5, "own": 2}, "symbols": ["EURUSD"], "strategy": "grid"}
    (found / "one.json").write_text(json.dumps(result))
    (found / "one.html").write_text("<script>alert(1)</script>")
    (found / "other.json").write_text('{"token": "secret"}')
    (found / "broken.json").write_text('{"decisions_hash": "ab", "metrics": {')
    (found / "deep.json").write_text("[" * 100_000)
    (found / ".hidden.json").write_text(json.dumps(result))
    (tmp_path / "outside.json").write_text(json.dumps(result))
    (found / "link.json").symlink_to(tmp_path / "outside.json")
    (found / "sub.json").mkdir()
    return found


def test_results_and_reports_of_the_folder_are_shown_and_nothing_else(desk: Desk, folder: Path) -> None:
    told = desk.get("/api/backtests")

    assert {one["name"] for one in told["items"]} == {"one.json", "one.html"}
    result = next(one for one in told["items"] if one["kind"] == "result")
    assert (result["metrics"], result["strategy"]) == ({"sharpe": 1.5}, "grid")
    assert desk.get("/api/backtests/one.json")["metrics"]["own"] == 2
    for name in ("link.json", ".hidden.json", "broken.json", "sub.json", "..%2Foutside.json", "%2e%2e", "one.html"):
        desk.get(f"/api/backtests/{name}", expect=404)
    found = [one["name"] for some in desk.pages("/api/backtests", 1) for one in some]
    assert sorted(found) == ["one.html", "one.json"]


def test_a_changed_result_is_read_again(desk: Desk, folder: Path) -> None:
    desk.get("/api/backtests")
    (folder / "one.json").write_text('{"decisions_hash": "ab", "metrics": {"sharpe": 2}}')
    os.utime(folder / "one.json", ns=(1, 1))
    assert next(one for one in desk.get("/api/backtests")["items"] if one["kind"] == "result")["metrics"] == {
        "sharpe": 2
    }


def test_a_report_reaches_nothing(desk: Desk, folder: Path) -> None:
    found = desk.client.get("/api/backtests/one.html/report")

    assert found.status_code == 200
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    policy = found.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert desk.client.get("/api/backtests/one.json/report").status_code == 404


def test_without_a_folder_there_is_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    one = Desk(url)
    assert one.get("/api/backtests") == {"items": [], "next": None, "folder": False}
    one.close()
