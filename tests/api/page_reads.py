"""What the page may ask of the invented market, by its path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from tests.api.page_world import RUN, World, chosen

Plain = dict[str, Any]


def reads(world: World, lag: Callable[[], int]) -> dict[str, Callable[[Request], Any]]:
    """GET paths and their answers; None is 404. ``lag``: by so many events /api/state is behind."""
    return {
        "/api/state": lambda r: world.state() | {"seq": world.seq - lag()},
        "/api/account": lambda r: world.account(),
        "/api/positions": lambda r: page(world.held()),
        "/api/orders": lambda r: page(world.orders_of(r.query_params.get("symbol"))),
        "/api/trades": lambda r: page(world.trades[::-1]),
        "/api/scan": lambda r: world.scan(),
        "/api/locks": lambda r: page(list(world.locks.values())),
        "/api/risk": lambda r: world.risk(),
        "/api/events": lambda r: world.page_of_events(
            int(r.query_params.get("after", 0)), int(r.query_params.get("limit", 100))
        ),
        "/api/events/{id}/correlation": lambda r: world.story(r.path_params["id"]),
        "/api/symbols/{s:path}/bars": lambda r: {"bars": world.bars(r.path_params["s"])},
        "/api/symbols/{s:path}/levels": lambda r: page(world.levels(r.path_params["s"])),
        "/api/symbols/{s:path}/signals": lambda r: page(world.signals(r.path_params["s"])),
        "/api/symbols/{s:path}/ladder": lambda r: world.ladder(r.path_params["s"]),
        "/api/engine": lambda r: world.engine(),
        "/api/runs": lambda r: world.runs(),
        "/api/health/actors": lambda r: world.actors(),
        "/api/health/resources": lambda r: world.resources(),
        "/api/backtests": lambda r: world.backtests(),
        "/api/performance/equity": lambda r: world.course(_run(r)),
        "/api/performance/metrics": lambda r: world.metrics(_run(r)),
        "/api/performance/r-distribution": lambda r: world.r_distribution(
            _run(r), float(r.query_params.get("width", 0.5))
        ),
        "/api/journal/daily": lambda r: world.days(_run(r), *_place(r)),
        "/api/journal/confluence": lambda r: world.confluence(_run(r), r.query_params.get("symbol"), *_place(r)),
        "/api/journal/trades": lambda r: world.journal(_run(r), r.query_params.get("symbol"), *_place(r)),
        **_research(world),
        **{f"/api/{name}": _chosen(world, name) for name in ("presets", "config", "strategies", "rules")},
    }


def _research(world: World) -> dict[str, Callable[[Request], Any]]:
    of = world.research
    only = {"cases": ("verdict", "effect", "symbol"), "calls": ("role", "outcome"), "proposals": ("state",)}
    lists: dict[str, Callable[[], list[Plain]]] = {
        "cases": lambda: of.cases[::-1],
        "calls": of.calls,
        "views": of.views,
        "reviews": of.reviews,
        "proposals": lambda: of.plans,
        "headlines": of.headlines,
    }

    def listed(name: str) -> Callable[[Request], Any]:
        def answer(request: Request) -> Plain:
            wanted = {one: request.query_params[one] for one in only.get(name, ()) if one in request.query_params}
            limit, after = _place(request)
            rows = [row for row in lists[name]() if all(row[one] == value for one, value in wanted.items())]
            first, last = int(after or 0), int(after or 0) + limit
            return {"items": rows[first:last], "next": str(last) if last < len(rows) else None}

        return answer

    return {
        "/api/research": lambda r: of.whole(),
        **{f"/api/research/{name}": listed(name) for name in lists},
        "/api/research/cases/{id}": lambda r: of.case(r.path_params["id"]),
        "/api/research/costs": lambda r: {
            "run_id": RUN,
            "by": r.query_params.get("by", "model"),
            "items": of.spent(r.query_params.get("by", "model")),
        },
        "/api/research/calibration": lambda r: of.calibration(),
    }


def page(items: list[Any]) -> Plain:
    return {"items": items, "next": None}


def _run(request: Request) -> str | None:
    return request.query_params.get("run")


def _place(request: Request) -> tuple[int, str | None]:
    return int(request.query_params.get("limit", 100)), request.query_params.get("after")


def _chosen(world: World, name: str) -> Callable[[Request], Any]:
    return lambda r: chosen.told(name, world.hostile)
