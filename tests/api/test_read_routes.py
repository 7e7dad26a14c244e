"""Every GET route: as it is described, on a database with runs, without any, and with hostile texts in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.routing import APIRoute

from api import agent_v1, commands
from api.read import ROUTERS
from domain.candidate import REASONS
from journal import database, schema
from journal.store import Store
from tests.api.routes_desk import Desk, holding, living, played, written
from tests.orchestration.terminal import story

HELD, FIRST, SECOND = "20240101T000000-0000", "20240102T000000-aaaa", "20240102T000001-bbbb"


@pytest.fixture(scope="session")
def runs_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three runs: one that holds positions at its end, one of 300 cycles without a daily limit, and a short one."""
    folder = tmp_path_factory.mktemp("routes")
    url = f"sqlite:///{folder / 'argus.db'}"
    currencies = ("EURUSD", "USDJPY", "EURGBP", "BTC")
    played(url, HELD, folder, cycles=60, preset="yardstick", symbols=currencies, sets=("account.convert=true",))
    sets = ("strategy.fast=2", "strategy.slow=5", "feed.warm_up=20", "risk.max_daily_loss_share=0.9")
    played(url, FIRST, folder, cycles=300, sets=(*sets, "risk.max_daily_loss=90000", "risk.max_trades_per_day=500"))
    played(url, SECOND, folder, cycles=60, strategy="breakout", sets=("feed.warm_up=400",))
    return url


@pytest.fixture
def desk(runs_url: str) -> Iterator[Desk]:
    one = Desk(runs_url)
    yield one
    one.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Desk]:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    one = Desk(url)
    yield one
    one.close()


def get_routes() -> list[APIRoute]:
    every = [route for router in (*ROUTERS, commands.router, agent_v1.router) for route in router.routes]
    return [one for one in every if isinstance(one, APIRoute) and "GET" in one.methods]


PLAIN = sorted(one.path for one in get_routes() if "{" not in one.path)
OF_A_SYMBOL = ("bars", "levels", "signals")


def test_every_route_is_known_here() -> None:
    named = {one.path for one in get_routes()} - set(PLAIN)

    assert named == {
        "/api/orders/{id}",
        "/api/events/{id}/correlation",
        "/api/runs/{run_id}",
        "/api/presets/{name}",
        "/api/commands/{id}",
        "/api/research/cases/{id}",
        "/api/research/calls/{id}",
        "/api/backtests/{name}",
        "/api/backtests/{name}/report",
        *(f"/api/symbols/{{symbol:path}}/{name}" for name in (*OF_A_SYMBOL, "ladder")),
    }
    assert len(PLAIN) >= 27


@pytest.mark.parametrize("path", PLAIN)
def test_a_route_answers_as_it_is_described(desk: Desk, path: str) -> None:
    desk.get(path)


@pytest.mark.parametrize("path", PLAIN)
def test_without_a_run_there_is_an_empty_answer(empty: Desk, path: str) -> None:
    told = empty.get(path)

    if path not in ("/api/presets", "/api/strategies", "/api/rules") and "items" in told and path != "/api/config":
        assert told["items"] == []


@pytest.mark.parametrize("path", PLAIN)
def test_what_has_not_changed_is_not_sent_again(desk: Desk, path: str) -> None:
    first = desk.client.get(path)
    same = desk.client.get(path, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    other = desk.client.get(path, headers={"If-None-Match": '"other"'})

    if path not in ("/api/health/resources", "/api/risk"):  # they tell their age
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200


def test_an_etag_changes_with_the_answer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    played(url, FIRST, tmp_path, cycles=5)
    one = Desk(url)
    before = one.client.get("/api/orders").headers["etag"]
    played(url, SECOND, tmp_path, cycles=60)
    after = one.client.get("/api/orders", headers={"If-None-Match": before})

    assert after.status_code == 200
    assert after.headers["etag"] != before
    one.close()


# -- what they say -----------------------------------------------------------------------------------


def test_the_account_is_the_newest_runs_and_another_one_by_the_beginning_of_its_id(desk: Desk) -> None:
    assert desk.get("/api/account")["run_id"] == SECOND
    told = desk.get("/api/account", run=FIRST[:-2])
    summary = msgspec.json.decode(
        next(one.body for one in desk.rows(schema.events) if (one.type, one.run_id) == ("RUN_SUMMARY", FIRST))
    )

    assert told["equity"] == summary["equity"]
    assert told["profit"] == pytest.approx(told["equity"] - told["balance"])
    assert told["drawdown"] == pytest.approx(1 - told["equity"] / told["peak"])
    assert told["simulated"] is True


def test_positions_are_valued_at_the_last_closes(desk: Desk) -> None:
    """In the account currency, so that they come to what the engine itself says of the account."""
    rows = {one.symbol for one in desk.rows(schema.positions) if one.account.endswith(HELD)}
    told = desk.get("/api/positions", run=HELD)["items"]
    account, scan = desk.get("/api/account", run=HELD), desk.get("/api/scan", run=HELD)

    assert {one["symbol"] for one in told} == rows == {"EURUSD", "USDJPY", "EURGBP", "BTC"}
    assert {one["venue"] for one in told} == {"paper"}
    for one in told:
        row = scan["symbols"][one["symbol"]]
        assert (row["price"], row["position"]) == (one["price_current"], one["quantity"])
        assert (one["quantity"] > 0) == (one["side"] == "BUY")
    pounds = next(one for one in told if one["symbol"] == "EURGBP")
    assert pounds["quote"] == "GBP"
    assert account["profit"] == pytest.approx(account["equity"] - account["balance"], abs=1e-6)
    assert account["profit"] == pytest.approx(sum(one["profit"] for one in told), abs=1e-3)
    assert abs(account["profit"]) > 0.1
    exposure = account["exposure"]
    assert exposure["gross"] == pytest.approx(sum(abs(one["value"]) for one in told))
    assert exposure["by_venue"] == {"paper": pytest.approx(exposure["gross"])}
    assert sum(exposure["by_currency"].values()) == pytest.approx(0, abs=1e-6)
    assert set(exposure["by_currency"]) == {"EUR", "USD", "JPY", "GBP", "BTC"}
    assert exposure["missing"] == []
    assert desk.get("/api/positions", run=HELD, symbol="BTC")["items"] == [
        one for one in told if one["symbol"] == "BTC"
    ]


def test_the_state_is_one_view_of_everything(desk: Desk) -> None:
    told = desk.get("/api/state", run=FIRST)

    assert told["account"] == desk.get("/api/account", run=FIRST)
    assert told["positions"] == desk.get("/api/positions", run=FIRST)["items"]
    assert told["scan"] == desk.get("/api/scan", run=FIRST)
    assert told["trades"] == desk.get("/api/trades", run=FIRST, limit=50)["items"][::-1]
    assert told["seq"] == max(one.seq for one in desk.rows(schema.events))
    assert len(told["events"]) == 200
    assert not {"SCAN_SUMMARY", "SCAN_START"} & {one["type"] for one in told["events"]}
    numbers = [one["seq"] for one in told["events"]]
    assert numbers == sorted(set(numbers))


def test_an_order_has_its_steps_and_its_fills(desk: Desk) -> None:
    filled = desk.get("/api/orders", run=FIRST, status="FILLED", limit=1)["items"][0]
    told = desk.get(f"/api/orders/{filled['id']}")

    assert told["order"] == filled
    assert [one["status"] for one in told["steps"]][-1] == "FILLED"
    assert sum(one["quantity"] for one in told["fills"]) == filled["filled"] == filled["quantity"]
    assert filled["price_average"] == told["fills"][0]["price"]


def test_orders_by_status_are_all_orders(desk: Desk) -> None:
    def ids(**which: Any) -> set[str]:
        return {one["id"] for some in desk.pages("/api/orders", 1000, run=FIRST, **which) for one in some}

    every = {one.id for one in desk.rows(schema.orders) if one.run_id == FIRST}
    working = {one.order_id for one in desk.rows(schema.reservations)}
    statuses = ("INTENT", "DENIED", "FILLED", "REJECTED", "EXPIRED", "CANCELLED", "ACCEPTED", "SUBMITTED")
    parts = [ids(status=one) for one in statuses]

    assert ids() == every == set().union(*parts)
    assert sum(map(len, parts)) == len(every)
    assert ids(status="WORKING") == working & every
    assert ids(status="filled, denied") == ids(status="FILLED") | ids(status="DENIED")
    assert len(ids(status="DENIED")) > 5
    assert ids(symbol="BTC") | ids(symbol="EURUSD") == every


def test_denials_are_counted_by_code(desk: Desk) -> None:
    told = desk.get("/api/denials", run=FIRST, limit=1000)
    codes = [one["code"] for one in told["items"]]

    assert told["by_code"] == {code: codes.count(code) for code in dict.fromkeys(codes)}
    (code, *_) = told["by_code"]
    assert {one["code"] for one in desk.get("/api/denials", run=FIRST, code=code)["items"]} == {code}


def test_a_candidate_knows_its_fate(desk: Desk) -> None:
    orders = {one.id: one for one in desk.rows(schema.orders)}
    told = [one for some in desk.pages("/api/candidates", 500, run=FIRST) for one in some]

    assert {one["answer"] for one in told} == {"APPROVED", "DENIED"}
    for one in told:
        row = orders[one["order_id"]]
        assert (one["answer"], one["code"] or "", one["symbol"]) == (row.answer, row.code, row.symbol)
        assert one["filled"] == (one["quantity"] if one["status"] == "FILLED" else 0)
    assert [one["seq"] for one in told] == sorted((one["seq"] for one in told), reverse=True)


def test_a_story_goes_from_the_scan_to_the_close(desk: Desk) -> None:
    trade = desk.get("/api/trades", run=FIRST)["items"][-1]
    told = desk.get(f"/api/events/{trade['correlation_id']}/correlation")
    kinds = [one["type"] for one in told["items"]]
    rows = [one for one in desk.rows(schema.events) if one.correlation_id == trade["correlation_id"]]

    assert kinds[0] == "SCAN_START"
    assert told["cycle"] == told["items"][0]["data"]["cycle"]
    assert {"CANDIDATE", "RISK_APPROVED", "ORDER_FILLED", "TRADE_EXECUTION", "POSITION_CLOSED"} <= set(kinds)
    assert [one["seq"] for one in told["items"] if one["correlation_id"] == told["correlation_id"]] == [
        one.seq for one in rows
    ]
    closed = next(one for one in told["items"] if one["type"] == "POSITION_CLOSED")
    assert closed["causation_id"] in {one["id"] for one in told["items"]}
    candidate = next(one["id"] for one in told["items"] if one["type"] == "CANDIDATE")
    assert desk.get(f"/api/events/{candidate}/correlation") == told


def test_every_story_is_whole(desk: Desk) -> None:
    stories: dict[str, list[int]] = {}
    for one in desk.rows(schema.events):
        if one.correlation_id:
            stories.setdefault(one.correlation_id, []).append(one.seq)

    assert len(stories) > 50
    for id, numbers in list(stories.items())[:: max(1, len(stories) // 40)]:
        told = desk.get(f"/api/events/{id}/correlation")["items"]
        assert [one["seq"] for one in told if one["correlation_id"] == id] == numbers


def test_figures_are_those_of_the_trades(desk: Desk) -> None:
    told = desk.get("/api/performance/metrics", run=FIRST)
    trades = [one for some in desk.pages("/api/trades", 1000, run=FIRST) for one in some]
    days = desk.get("/api/journal/daily", run=FIRST)["items"]
    spread = desk.get("/api/performance/r-distribution", run=FIRST)

    assert told["trades"]["net_profit"] == pytest.approx(sum(one["net"] for one in trades))
    assert told["trades"]["trades"] == sum(one["flat"] for one in trades) > 5
    assert told["figures"]["equity"] == desk.get("/api/account", run=FIRST)["equity"]
    assert sum(one["trades"] for one in days) == told["trades"]["trades"]
    assert sum(one["net"] for one in days) == pytest.approx(told["trades"]["net_profit"])
    assert sum(one["commission"] for one in days) == pytest.approx(sum(one["commission"] for one in trades))
    assert spread["count"] + spread["without_r"] == told["trades"]["trades"]
    assert sum(one["count"] for one in spread["bins"]) == spread["count"]
    assert set(told["by"]) == {"symbol", "strategy", "session", "factor", "reason", "side"}


def test_what_another_run_did_on_the_same_account_is_not_counted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    played(url, FIRST, tmp_path, cycles=100)
    one = Desk(url)
    before = one.get("/api/performance/metrics")["trades"]
    rows = [dict(row._mapping) for row in one.rows(schema.trades)]
    fills = {row.id: dict(row._mapping) for row in one.rows(schema.fills)}
    ours = [row for row in rows if row["flat"]][-1]
    other = ours | {"fill_id": "other", "run_id": "other", "opened_at": 5, "seq": ours["seq"] + 1}
    written(url, schema.trades, other)
    written(url, schema.fills, fills[ours["fill_id"]] | {"id": "other", "run_id": "other", "seq": ours["seq"] + 1})
    again = Desk(url)

    assert again.get("/api/performance/metrics")["trades"] == before
    assert sum(day["trades"] for day in again.get("/api/journal/daily")["items"]) == before["trades"] > 0
    told = [row["fill_id"] for row in again.get("/api/trades", limit=1000)["items"]]
    assert "other" not in told
    assert len(told) == len(rows)
    again.close()
    one.close()


def test_equity_is_thinned_to_what_is_asked_for_and_ends_with_the_last_cycle(desk: Desk) -> None:
    whole = desk.get("/api/performance/equity", run=FIRST, points=5000)
    few = desk.get("/api/performance/equity", run=FIRST, points=7)

    assert (len(whole["points"]), whole["cycles"], len(few["points"])) == (300, 300, 7)
    assert few["points"][-1] == whole["points"][-1]
    assert few["points"][0] == whole["points"][0]
    begin, end = whole["points"][100]["ts"], whole["points"][200]["ts"]
    part = desk.get("/api/performance/equity", run=FIRST, points=5000, to=end, **{"from": begin})
    assert part["points"] == whole["points"][100:200]


def test_the_engine_that_has_ended_says_so(desk: Desk) -> None:
    told = desk.get("/api/engine")

    assert (told["state"], told["alive"], told["orderly"]) == ("stopped", False, True)
    assert [one["to"] for one in told["history"]] == ["initializing", "running", "stopped"]
    assert told["legal"] == ["emergency-stop", "remove-lock", "start"]
    assert len(told["cycle_times_ms"]) == 60
    assert desk.get("/api/engine", run=FIRST)["legal"] == []


def test_the_engine_that_lives_says_what_may_be_asked(runs_url: str, desk: Desk) -> None:
    with holding(runs_url, SECOND):
        told = desk.get("/api/engine")
        old = desk.get("/api/engine", run=FIRST)
    assert (told["state"], told["alive"]) == ("initializing", True)  # its last word is of the engine before
    assert told["legal"] == ["emergency-stop", "stop", "pause"]
    assert told["process"]["beat_age_s"] >= 0
    assert (old["alive"], old["process"]) == (False, None)


def test_an_engine_whose_run_is_not_written_down_yet_is_initializing(empty: Desk) -> None:
    with holding(empty.url, "new"):
        assert empty.get("/api/engine")["state"] == "initializing"
    assert empty.get("/api/engine")["state"] == "idle"


def test_a_run_that_goes_on_is_seen_to(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    one = Desk(url)
    with living(url, FIRST, tmp_path, cycles=100_000, speed="100"):
        while one.get("/api/engine")["cycle"] in (None, 1):
            pass
        told = one.get("/api/state")
        assert told["engine"]["state"] == "running"
        assert "pause" in told["engine"]["legal"]
        assert {one["age_s"] for one in told["scan"]["symbols"].values() if one["reason"] != "NO_NEW_BAR"} == {0.0}
        assert one.get("/api/state")["seq"] >= told["seq"]
    one.close()


def test_what_can_be_chosen_is_what_the_command_line_lists(desk: Desk) -> None:
    from orchestration.settings import presets
    from orchestration.terminal.verbs_lists import _strategies
    from risk.rules import RULES

    strategies = desk.get("/api/strategies")["items"]
    names = ("name", "doc", "warm_up")
    expected = json.loads(msgspec.json.encode([{name: one[name] for name in names} for one in _strategies(None)]))
    assert [{name: one[name] for name in names} for one in strategies] == expected
    assert [one["name"] for one in desk.get("/api/rules")["items"]] == list(RULES)
    assert desk.get("/api/presets")["items"] == json.loads(msgspec.json.encode(presets()))
    assert desk.get("/api/presets/balanced")["name"] == "balanced"


def test_the_configuration_is_the_runs(desk: Desk) -> None:
    told = {one["key"]: one for one in desk.get("/api/config", run=FIRST)["items"]}

    assert told["strategy.fast"]["value"] == 2
    assert told["preset"]["value"] == "balanced"
    assert desk.get("/api/config")["run_id"] == SECOND


def test_no_secret_is_told(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    secret = "https://ping.example/4f1c9e"
    played(url, FIRST, tmp_path, cycles=2, sets=(f"supervision.heartbeat_url={secret}",))
    one = Desk(url)

    for path in ("/api/config", "/api/state", "/api/runs", f"/api/runs/{FIRST}"):
        assert "4f1c9e" not in json.dumps(one.get(path))
    one.close()


# -- what is wrong -----------------------------------------------------------------------------------

WRONG = [
    ("/api/orders", {"limit": 0}),
    ("/api/orders", {"limit": 1001}),
    ("/api/orders", {"limit": "many"}),
    ("/api/orders", {"status": "GONE"}),
    ("/api/orders", {"after": "nonsense"}),
    ("/api/orders", {"after": "WzEsMl0"}),
    ("/api/orders", {"from": "yesterday"}),
    ("/api/orders", {"symbol": "a\x00b"}),
    ("/api/orders", {"code": "drop table"}),
    ("/api/trades", {"after": "WyJhIiwxXQ"}),
    ("/api/events", {"after": -1}),
    ("/api/events", {"after": 2**63}),
    ("/api/events", {"types": "NOTHING"}),
    ("/api/account", {"run": "x" * 65}),
    ("/api/performance/equity", {"points": 1}),
    ("/api/performance/r-distribution", {"width": 0}),
    ("/api/performance/r-distribution", {"width": "nan"}),
    ("/api/symbols/BTC/bars", {"limit": 10**9}),
    ("/api/commands/one", {}),
]


@pytest.mark.parametrize(("path", "query"), WRONG)
def test_a_wrong_parameter_is_422(desk: Desk, path: str, query: dict[str, Any]) -> None:
    assert desk.get(path, expect=422, **query)["error"]["code"] == "INVALID"


UNKNOWN = [
    ("/api/account?run=nobody", "UNKNOWN_RUN"),
    ("/api/account?run=2024", "UNKNOWN_RUN"),
    ("/api/account?run=%25", "UNKNOWN_RUN"),
    ("/api/runs/nobody", "UNKNOWN_RUN"),
    ("/api/orders/nobody", "UNKNOWN_ORDER"),
    ("/api/events/nobody/correlation", "UNKNOWN_EVENT"),
    ("/api/presets/..%2Fpaper", "NOT_FOUND"),
    ("/api/presets/none", "UNKNOWN_PRESET"),
    ("/api/commands/999", "UNKNOWN_COMMAND"),
    ("/api/symbols/GBPUSD/bars", "UNKNOWN_SYMBOL"),
    ("/api/symbols/GBPUSD/signals", "UNKNOWN_SYMBOL"),
    ("/api/symbols/GBPUSD/ladder", "UNKNOWN_SYMBOL"),
    ("/api/symbols/<script>/levels", "UNKNOWN_SYMBOL"),
    ("/api/backtests/none.json", "UNKNOWN_REPORT"),
]


@pytest.mark.parametrize(("path", "code"), UNKNOWN)
def test_what_nobody_knows_is_404(desk: Desk, path: str, code: str) -> None:
    assert desk.get(path, expect=404)["error"]["code"] == code


def test_any_time_can_be_asked_for(desk: Desk) -> None:
    for far in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        desk.get("/api/orders", **{"from": far})
        desk.get("/api/performance/equity", run=FIRST, **{"from": far})
        desk.get("/api/performance/equity", run=FIRST, to=far)


# -- hostile texts -----------------------------------------------------------------------------------

HTML = "<img src=x onerror=alert(1)>"
LONG = "x" * 10_000
TEXT = f"{HTML} \u2028 \x1b[31m \"'&; DROP TABLE runs; {LONG}"
HOSTILE = (HTML, "A/B", "..", "ü\u202e", LONG)


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Desk]:
    """Rows that no run of ours would write."""
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    store = Store(url, 1)
    symbols = msgspec.json.encode(HOSTILE).decode()
    story.write_run(store, FIRST, symbols=symbols, config="no JSON", inputs="neither", exit_reason=TEXT, epoch=1)
    account = f"paper:{FIRST}"
    closes, reasons = dict.fromkeys(HOSTILE, 1.5), dict.fromkeys(HOSTILE, f"ERROR: {TEXT}")
    denied = story.denied(HTML, TEXT, key="x").data | {"strategy": TEXT}
    candidate = {"direction": TEXT, "score": 1e308, "reasons": [TEXT, {"a": [HTML]}], "strategy": TEXT}
    drafts = [
        story.scan(1, closes, reasons),
        story.Draft("CANDIDATE", story.T, "aaaa1111", candidate, HTML, "aaaa1111"),
        story.Draft("RISK_DENIED", story.T, "aaaa1111", denied, HTML, "aaaa1111"),
        story.Draft("ENGINE_STATE", story.T, "e", {"state": "running", "from": TEXT, "reason": TEXT, "x": [HTML]}),
        story.Draft("HEALTH", story.T, "h", {"actor": HTML, "detail": TEXT}),
        story.Draft("ALERT", story.T, TEXT, {"alert": TEXT, "reason": TEXT}, LONG),
    ]
    with store.transaction() as tx:
        tx.emit(FIRST, drafts)
    story_book(store, account)
    store.close()
    one = Desk(url)
    yield one
    one.close()


def story_book(store: Store, account: str) -> None:
    at = story.T
    order = {
        "id": "aaaa1111", "account": account, "run_id": FIRST, "venue": TEXT, "symbol": HTML, "strategy": TEXT,
        "purpose": TEXT, "side": 7, "quantity": "0", "reduces": "0", "kind": TEXT, "price": "0", "stop": "0",
        "target": "0", "entry": "0", "at": at, "rank": 0, "attempt": 0, "expires_at": 0, "correlation_id": "aaaa1111",
        "answer": "DENIED", "code": TEXT, "value": "no JSON", "threshold": '"x"',
        "reasons": msgspec.json.encode([TEXT]).decode(),
    }  # fmt: skip
    position = {
        "account": account, "symbol": LONG, "quantity": "0", "cost": "0", "opened_at": at, "strategy": TEXT,
        "entry_order": HTML, "correlation_id": TEXT, "stop": "0", "target": "0", "risk": "0", "realised": "0",
        "commission": "0", "flags": "{}",
    }  # fmt: skip
    trade = {
        "account": account, "fill_id": HTML, "run_id": FIRST, "symbol": HTML, "strategy": TEXT, "side": 1,
        "quantity": "1", "entry": "1", "exit": "1", "opened_at": at, "closed_at": at, "pnl": "0", "commission": "0",
        "r": None, "reason": TEXT, "correlation_id": HTML, "flat": True, "session": TEXT,
        "factors": msgspec.json.encode([TEXT]).decode(), "seq": 3,
    }  # fmt: skip
    fill = {
        "id": HTML, "seq": 3, "order_id": "aaaa1111", "account": account, "run_id": FIRST, "symbol": HTML, "side": 1,
        "quantity": "1", "price": "1", "commission": "0", "at": at, "bar_ts": at, "reason": TEXT, "stop": "0",
        "target": "0", "strategy": TEXT, "correlation_id": HTML,
    }  # fmt: skip
    lock = {
        "id": HTML, "account": account, "symbol": HTML, "side": None, "code": TEXT, "reason": TEXT, "from_at": at,
        "until_at": 2**62, "removed_at": None, "removed_why": None,
    }  # fmt: skip
    command = {
        "id": 1,
        "at": at,
        "verb": TEXT,
        "arguments": '{"a": "<b>"}',
        "who": HTML,
        "why": TEXT,
        "state": "REFUSED",
    }
    latch = {"account": account, "code": TEXT, "reason": TEXT, "value": "?", "threshold": None, "at": at}
    with store.transaction() as tx:
        for table, row in (
            (schema.orders, order),
            (schema.positions, position),
            (schema.trades, trade),
            (schema.fills, fill),
            (schema.locks, lock),
            (schema.commands, command | {"answer": TEXT, "answered_at": at}),
            (schema.latches, latch),
        ):
            tx.insert(table, [row])


@pytest.mark.parametrize("path", PLAIN)
def test_hostile_texts_are_told_as_texts(hostile: Desk, path: str) -> None:
    found = hostile.client.get(path)

    if path == "/api/config":  # what cannot be read is said, not guessed
        assert (found.status_code, found.json()["error"]["code"]) == (422, "OTHER_VERSION")
        return
    assert found.status_code == 200, found.text[:300]
    assert found.headers["content-type"] == "application/json"
    hostile.get(path)
    if path in (
        "/api/scan",
        "/api/orders",
        "/api/denials",
        "/api/trades",
        "/api/candidates",
        "/api/locks",
        "/api/commands",
    ):
        assert HTML in msgspec.json.encode(found.json()).decode()


def test_hostile_symbols_can_be_asked_for(hostile: Desk) -> None:
    from urllib.parse import quote

    told = hostile.get("/api/scan")["symbols"]
    assert set(told) == set(HOSTILE)
    assert told[HTML]["reason"] == f"ERROR: {TEXT}"
    for symbol in (HTML, "A/B", "ü\u202e"):
        signals = hostile.get(f"/api/symbols/{quote(symbol, safe='')}/signals")
        assert signals["symbol"] == symbol
        assert len(signals["items"]) == (symbol == HTML)
        found = hostile.client.get(f"/api/symbols/{quote(symbol, safe='')}/bars")
        assert (found.status_code, found.json()["error"]["code"]) == (409, "BARS_GONE")


def test_codes_of_a_run_of_another_version_stay(tmp_path: Path) -> None:
    """A run whose row has other codes is told with its own."""
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    store = Store(url, 1)
    codes = ["OLD", *REASONS[1:]]
    story.write_run(store, FIRST, codes=msgspec.json.encode(codes).decode())
    with store.transaction() as tx:
        tx.emit(FIRST, [story.scan(1, {"EURUSD": 1.1, "BTC": 2.0})])
    store.close()
    one = Desk(url)
    assert {row["reason"] for row in one.get("/api/scan")["symbols"].values()} == {"OLD"}
    one.close()
