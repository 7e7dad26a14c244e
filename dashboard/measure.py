"""How heavy the page is: its files, its first view, and a thousand symbols that move.

python -m dashboard.measure --symbols 1000 --every 1 --seconds 60
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import statistics
import time
from typing import Any

from playwright.sync_api import Page, sync_playwright

from api.static import FOLDER
from tests.api.page_server import CODE, PageServer
from tests.api.page_world import World

WATCH = """
window.tasks = []; window.frames = [];
new PerformanceObserver(list => list.getEntries().forEach(one => tasks.push(Math.round(one.duration))))
  .observe({type: 'longtask', buffered: true});
let last = 0;
const frame = now => { if (last) frames.push(now - last); last = now; requestAnimationFrame(frame); };
requestAnimationFrame(frame);
"""


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--symbols", type=int, default=1000)
    told.add_argument("--every", type=float, default=1.0, help="seconds between cycles")
    told.add_argument("--seconds", type=float, default=60.0)
    said = told.parse_args()
    files()
    server = PageServer(World(said.symbols), every=said.every).start()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 860})
        page = context.new_page()
        page.add_init_script(WATCH)
        first_view(page, server)
        for name in ("symbols", "overview", "events"):
            page.evaluate(f"location.hash = '#/{name}'")
            moving(page, name, said.seconds, context)
        browser.close()
    server.stop()


def files() -> None:
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            body = path.read_bytes()
            print(
                f"{path.relative_to(FOLDER).as_posix():36} {len(body):>8} bytes, {len(gzip.compress(body, 9)):>7} gzip"
            )


def first_view(page: Page, server: PageServer) -> None:
    began = time.perf_counter()
    page.goto(f"{server.address}/#code={CODE}")
    page.wait_for_selector("#link[data-state=open]")
    shown = time.perf_counter() - began
    page.wait_for_selector(".chart canvas")
    paints: Any = page.evaluate(
        "performance.getEntriesByType('paint').map(one => [one.name, Math.round(one.startTime)])"
    )
    chart = time.perf_counter() - began
    print(f"first view: logged in and live after {shown * 1000:.0f} ms, with its chart {chart * 1000:.0f} ms; {paints}")


def moving(page: Page, name: str, seconds: float, context: Any) -> None:
    page.wait_for_timeout(2000)
    page.evaluate("tasks.length = frames.length = 0")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if name == "symbols":
            page.mouse.move(600, 500)
            page.mouse.wheel(0, 400)
        page.wait_for_timeout(100)
    found: Any = page.evaluate("({tasks, frames, rows: document.querySelectorAll('[role=row]').length})")
    devtools = context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    heap = devtools.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    frames = sorted(found["frames"])
    late = sum(1 for one in frames if one > 50)
    tasks = found["tasks"]
    print(
        f"{name}: {len(tasks)} long tasks (longest {max(tasks, default=0)} ms) in {seconds:.0f} s; frames: middle "
        f"{statistics.median(frames):.1f} ms, 99 % {frames[int(len(frames) * 0.99)]:.1f} ms, {late} of {len(frames)} "
        f"above 50 ms; heap {heap:.1f} MB; {found['rows']} rows drawn"
    )


if __name__ == "__main__":
    main()
