"""The page in a real browser beside a real run: its files, its first view, long tasks, and memory over time.

``python -m benchmarks.page [--symbols 1000] [--speed 1] [--minutes 1] [--every 60] [--first 5] [--json]``

``cli.py run`` with so many simulated symbols and ``--speed`` bars a second; chromium without a window, 1280 × 860.
``first``: from the navigation to the first paint, the socket's snapshot, the account's figures and the chart, with an
empty cache and a code in the address, and from there to the symbols with prices; its floor is the first paint of the
same server's ``/ping`` in the same browser, in turns. ``stay``: one tab goes through the views for so many minutes,
scrolls the symbols, and every ``--every`` seconds, in the view of the symbols, its heap is read before and after a
collection. Slopes leave out the first fifth.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from benchmarks import rig
from benchmarks.figures import line, median, table
from benchmarks.page_browser import Browser, Tab, browser
from benchmarks.stream_server import Served, served

VIEWS = ("overview", "orders", "risk", "events", "engine", "symbols/EURUSD", "symbols")
"""The last one is where memory is read."""
WATCH = """
window.tasks = {count: 0, longest: 0, total: 0};
new PerformanceObserver(list => list.getEntries().forEach(one => {
  tasks.count += 1; tasks.total += one.duration; tasks.longest = Math.max(tasks.longest, one.duration);
})).observe({type: 'longtask', buffered: true});
window.marks = {};
const wanted = {snapshot: '#link[data-state=open]', figures: '.equity b', chart: '.chart canvas'};
const look = () => {
  for (const [name, what] of Object.entries(wanted))
    if (!(name in marks) && document.querySelector(what)) marks[name] = performance.now();
  if (Object.keys(marks).length < Object.keys(wanted).length) requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
PAINT = "(performance.getEntriesByName('first-contentful-paint')[0] || {startTime: null}).startTime"
LINK = (
    "(({seq, gaps, repeats, received, reconnects, skipped}) => ({seq, gaps, repeats, received, reconnects, skipped}))"
)
LINK += "(document.querySelector('#link').dataset)"
LIVE = "document.querySelector('#link[data-state=open]') !== null"
PRICES = "document.querySelector('[role=row] [data-price]:not([data-price=\"\"])') !== null"


# -- the files ---------------------------------------------------------------------------------------


def files(server: Served, folder: Path) -> list[dict[str, Any]]:
    """Every file of the built page: bytes as they are, and as the server sends them to a browser."""
    found = []
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            name = path.relative_to(folder).as_posix()
            plain, packed = (_sent(client, name, how) for how in ("identity", "gzip, deflate, br"))
            found.append({"file": name, "bytes": plain[0], "sent": packed[0], "encoding": packed[1]})
    return found


def _sent(client: httpx.Client, name: str, accepted: str) -> tuple[int, str]:
    with client.stream("GET", f"/{name}", headers={"Accept-Encoding": accepted}) as answer:
        answer.raise_for_status()
        return sum(map(len, answer.iter_raw())), answer.headers.get("content-encoding", "")


# -- the first view ----------------------------------------------------------------------------------


def address(server: Served) -> str:
    """The page with a new code."""
    answer = httpx.post(f"{server.url}/api/session/code", json={}, headers=server.headers, trust_env=False, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["url"])


def first_view(browser: Browser, server: Served) -> tuple[dict[str, float], float]:
    """Milliseconds of the page, and of the floor."""
    with browser.tab(address(server), WATCH) as tab:
        tab.until("'marks' in window && Object.keys(marks).length == 3")
        found = {"paint_ms": tab.evaluate(PAINT)} | {f"{n}_ms": at for n, at in tab.evaluate("marks").items()}
        tab.evaluate("location.hash = '#/symbols'")
        began = time.perf_counter()
        tab.until(PRICES)
        found["symbols_ms"] = (time.perf_counter() - began) * 1e3
        tasks = tab.evaluate("tasks")
    with browser.tab(f"{server.url}/ping", WATCH) as floor:
        floor.until(f"{PAINT} !== null")
        bare: float = floor.evaluate(PAINT)
    return found | {"long_tasks": tasks["count"], "longest_ms": tasks["longest"]}, bare


def first_views(browser: Browser, server: Served, count: int) -> dict[str, Any]:
    pairs = [first_view(browser, server) for _ in range(count)]
    each = {name: [one[name] for one, _ in pairs] for name in pairs[0][0]}
    floor = median([bare for _, bare in pairs])
    found: dict[str, Any] = {name: round(median(values), 1) for name, values in each.items()}
    spread = {f"{name}_spread": [round(min(values)), round(max(values))] for name, values in each.items()}
    return found | spread | {"floor_ms": round(floor, 1), "ratio": round(found["paint_ms"] / floor, 2), "n": count}


# -- an hour of it -----------------------------------------------------------------------------------


def look(tab: Tab, seconds: float) -> None:
    """Through the views; the symbols are scrolled."""
    begun = time.monotonic()
    for place, view in enumerate(VIEWS, 1):
        tab.evaluate(f"location.hash = '#/{view}'")
        while (left := begun + seconds * place / len(VIEWS) - time.monotonic()) > 0:
            if view == "symbols":
                tab.wheel(400)
            time.sleep(min(left, 0.5))


def sample(browser: Browser, tab: Tab, server: Served) -> dict[str, Any]:
    """What the tab holds, before and after a collection, and what it did since the last time."""
    tasks, before = tab.evaluate("tasks"), tab.heap_mb()
    tab.collect()
    after, counted = tab.heap_mb(), tab.counted()
    tab.evaluate("Object.assign(tasks, {count: 0, longest: 0, total: 0})")
    return {
        "heap_mb": after,
        "heap_before_mb": before,
        "nodes": int(counted["Nodes"]),
        "listeners": int(counted["JSEventListeners"]),
        "renderer_mb": browser.renderer_mb(),
        "server_mb": server.rss_mb,
        "long_tasks": tasks["count"],
        "longest_ms": round(tasks["longest"]),
        "long_ms": round(tasks["total"]),
        **{name: int(value) for name, value in tab.evaluate(LINK).items()},
    }


def stay(browser: Browser, server: Served, minutes: float, every: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with browser.tab(address(server), WATCH) as tab:
        tab.until(LIVE)
        begun = time.monotonic()
        while not found or found[-1]["minute"] < minutes:
            look(tab, min(every, minutes * 60))
            found.append({"minute": round((time.monotonic() - begun) / 60, 2)} | sample(browser, tab, server))
            rig.progress(json.dumps(found[-1]))
    return found


def verdict(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How memory went, per hour, without the first fifth (all of it where that leaves fewer than three)."""
    later = [one for one in samples if one["minute"] >= samples[-1]["minute"] / 5]
    later = later if len(later) >= 3 else list(samples)
    minutes = [one["minute"] for one in later]
    found: dict[str, Any] = {"minutes": samples[-1]["minute"]}
    for name in ("heap_mb", "nodes", "listeners", "renderer_mb", "server_mb"):
        values = [one[name] for one in later]
        found[name] = {"first": samples[0][name], "most": max(one[name] for one in samples), "last": samples[-1][name]}
        if len(later) > 1:
            found[name]["per_hour"] = round(line(minutes, values)[0] * 60, 2)
    found |= {name: sum(one[name] for one in samples) for name in ("long_tasks", "long_ms")}
    found["longest_ms"] = max(one["longest_ms"] for one in samples)
    last = samples[-1]
    found |= {name: last[name] for name in ("received", "gaps", "repeats", "reconnects", "skipped")}
    found["events_per_s"] = round(last["received"] / (last["minute"] * 60), 1)
    return found


# -- all of it ---------------------------------------------------------------------------------------


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Raises SystemExit if the run does not start, or if there is no chromium."""
    from api.static import FOLDER

    names = ",".join(rig.symbols(given.symbols))
    run = ("--symbols", names, "--feed", "sim", "--speed", given.speed)
    with rig.folder() as home, served(home, "run", *run) as server, browser() as chromium:
        found: dict[str, Any] = {"symbols": given.symbols, "speed": given.speed, "browser": chromium.version()}
        found |= {"conditions": rig.conditions(), "files": files(server, FOLDER)}
        rig.progress(f"{given.first} first views")
        found["first"] = first_views(chromium, server, given.first)
        found["samples"] = stay(chromium, server, given.minutes, given.every)
        found["stay"] = verdict(found["samples"])
    return found


def report(found: dict[str, Any]) -> str:
    parts = [table(("file", "bytes", "sent", "as"), [tuple(one.values()) for one in found["files"]])]
    parts += [table(("first view", ""), list(found["first"].items()))]
    parts += [table(("a long look", ""), list(found["stay"].items()))]
    return "\n\n".join(parts)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--symbols", type=int, default=1000, metavar="N")
    parser.add_argument("--speed", default="1", help="bars a second, or max")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long one tab stays open; 60 for the record")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two looks at its memory")
    parser.add_argument("--first", type=int, default=5, help="first views")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    if min(given.symbols, given.first) < 1 or min(given.minutes, given.every) <= 0:
        parser.error("every number is more than 0")
    found = measure(given)
    print(json.dumps(found) if given.json else report(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
