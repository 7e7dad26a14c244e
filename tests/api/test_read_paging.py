"""Lists to their end: nothing is left out and nothing comes twice, also while more is written; on either database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api import route_page
from api.read import ROUTERS
from journal import schema
from tests.api.routes_desk import Desk, played

RUN, LATER = "20240102T000000-aaaa", "20240102T000001-bbbb"
LIMITS = ("risk.max_daily_loss=90000", "risk.max_daily_loss_share=0.9", "risk.max_trades_per_day=500")
SETS = ("strategy.fast=2", "strategy.slow=5", "feed.warm_up=20", *LIMITS)


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    url = f"sqlite:///{tmp_path / 'argus.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    played(url, RUN, tmp_path, cycles=150, sets=SETS)
    one = Desk(url)
    yield one
    one.close()


def whole(desk: Desk, path: str, key: str, limit: int, **query: object) -> list[object]:
    return [one[key] for some in desk.pages(path, limit, **query) for one in some]


def test_every_list_has_each_row_once_whatever_the_size_of_a_page(desk: Desk) -> None:
    rows = {
        "/api/orders": ("id", [one.id for one in desk.rows(schema.orders)]),
        "/api/denials": ("id", [one.id for one in desk.rows(schema.orders) if one.answer == "DENIED"]),
        "/api/trades": ("fill_id", [one.fill_id for one in desk.rows(schema.trades)]),
        "/api/journal/trades": ("fill_id", [one.fill_id for one in desk.rows(schema.trades)]),
        "/api/candidates": ("seq", [one.seq for one in desk.rows(schema.events) if one.type == "CANDIDATE"]),
        "/api/journal/confluence": ("seq", [one.seq for one in desk.rows(schema.events) if one.type == "CANDIDATE"]),
        "/api/symbols/BTC/signals": (
            "seq",
            [one.seq for one in desk.rows(schema.events) if one.type == "CANDIDATE" and one.symbol == "BTC"],
        ),
        "/api/events": ("seq", [one.seq for one in desk.rows(schema.events)]),
        "/api/runs": ("run_id", [RUN]),
    }
    for path, (key, expected) in rows.items():
        assert len(expected) > (0 if path == "/api/runs" else 3), path
        for limit in (1, 3, len(expected), 1000) if len(expected) < 60 else (7, len(expected), 1000):
            found = whole(desk, path, key, min(limit, 1000))
            assert len(found) == len(expected), (path, limit)
            assert set(found) == set(expected), (path, limit)


def test_events_go_on_from_a_number_and_back_from_one(desk: Desk) -> None:
    numbers = sorted(one.seq for one in desk.rows(schema.events))
    middle = numbers[len(numbers) // 2]

    after = desk.get("/api/events", after=middle, limit=5)["items"]
    before = desk.get("/api/events", before=middle, limit=5)["items"]
    fills = desk.get("/api/events", types="trade_execution,POSITION_CLOSED", limit=1000)["items"]

    assert [one["seq"] for one in after] == [one for one in numbers if one > middle][:5]
    assert [one["seq"] for one in before] == [one for one in numbers if one < middle][-5:]
    assert {one["type"] for one in fills} == {"TRADE_EXECUTION", "POSITION_CLOSED"}
    mine = desk.get("/api/events", symbol="BTC", limit=1000)["items"]
    assert {one["symbol"] for one in mine} == {"BTC"}


def test_times_bound_a_list(desk: Desk) -> None:
    orders = [one for some in desk.pages("/api/orders", 1000) for one in some]
    times = sorted({one["at"] for one in orders})
    begin, end = times[len(times) // 3], times[2 * len(times) // 3]
    expected = {one["id"] for one in orders if begin <= one["at"] < end}

    assert set(whole(desk, "/api/orders", "id", 7, **{"from": begin, "to": end})) == expected
    assert expected


def test_what_is_written_meanwhile_does_not_move_the_pages(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    played(url, RUN, tmp_path, cycles=100, sets=SETS)
    one = Desk(url)
    expected = [row.id for row in one.rows(schema.orders)]
    pages = one.pages("/api/orders", 5, run=RUN)
    found = [row["id"] for row in next(pages)]
    played(url, LATER, tmp_path, cycles=100, sets=SETS)
    found += [row["id"] for some in pages for row in some]

    assert sorted(found) == sorted(expected)
    later = [some["run_id"] for part in one.pages("/api/runs", 1) for some in part]
    assert later == [LATER, RUN]
    one.close()


def test_a_marker_stands_where_another_run_is_between(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    for name, cycles in ((RUN, 5), (LATER, 5)):
        played(url, name, tmp_path, cycles=cycles, sets=SETS)
    one = Desk(url)
    first = one.get("/api/events", run=RUN, limit=1000)["items"]
    last = first[-1]["seq"]
    told = one.get("/api/events", run=LATER, after=last - 3, limit=1000)["items"]

    assert (told[0]["type"], told[0]["data"]) == ("COMPACTED", {"from_seq": last - 2, "to_seq": last})
    assert told[1]["seq"] == last + 1
    one.close()


def test_every_list_is_described_as_one() -> None:
    """Who has ``items`` has ``next``."""
    for router in ROUTERS:
        for route in router.routes:
            model = getattr(route, "response_model", None)
            fields = set(getattr(model, "model_fields", ()))
            if "items" in fields and not {"correlation_id", "bars"} & fields and "run_id" not in fields:
                assert "next" in fields, route


def test_the_page_of_routes_is_that_of_the_routes() -> None:
    """``python -m api.route_page`` writes it."""
    assert route_page.PAGE.read_text(encoding="utf-8") == route_page.page()


def test_every_route_answers_on_either_database(desk: Desk) -> None:
    plain = [route.path for router in ROUTERS for route in router.routes if "{" not in route.path]  # type: ignore[attr-defined]
    for path in (*plain, "/api/commands", "/api/v1/agent/status", "/api/v1/agent/state"):
        if path != "/api/presets/validate":
            desk.get(path)
    for name in ("bars", "levels", "signals"):
        desk.get(f"/api/symbols/BTC/{name}")
    candidate = desk.get("/api/candidates", limit=1)["items"][0]
    assert desk.get(f"/api/events/{candidate['id']}/correlation")["items"]
    assert desk.get(f"/api/orders/{candidate['order_id']}")["order"]["id"] == candidate["order_id"]
    assert desk.get("/api/risk")["computed"]
