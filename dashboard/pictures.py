"""Pictures of every view for docs/images, in light and dark, wide and on a phone; from the mock, so without an engine.

python -m dashboard.pictures docs/images
python -m dashboard.pictures docs/images performance setup    # only these
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.api.page_server import CODE, PageServer
from tests.api.page_world import World

VIEWS = {
    "overview": "#/overview",
    "symbols": "#/symbols",
    "symbol": "#/symbols/EURUSD",
    "positions": "#/orders",
    "risk": "#/risk",
    "events": "#/events",
    "engine": "#/engine",
    "backtests": "#/backtests",
    "performance": "#/performance",
    "setup": "#/setup?preset=balanced",
    "configuration": "#/setup/configuration",
    "research": "#/research/case?id=0000000ccase",
}
LOOKS = {
    "light": ({"width": 1280, "height": 860}, "light"),
    "dark": ({"width": 1280, "height": 860}, "dark"),
    "phone": ({"width": 390, "height": 844}, "light"),
}


def main(folder: Path, only: list[str]) -> None:
    server = PageServer(World(60), every=1.0).start()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for look, (size, scheme) in LOOKS.items():
            server.codes.add(CODE)
            page = browser.new_page(viewport=size, color_scheme=scheme, device_scale_factor=1)  # type: ignore[arg-type]
            if look == "light" and not only:
                page.goto(server.address)
                page.wait_for_selector("#token")
                take(page, folder / "dashboard-login-light.png")
            page.goto("about:blank")
            page.goto(f"{server.address}/#code={CODE}")
            page.wait_for_selector("#link[data-state=open]")
            time.sleep(2)
            for name, place in VIEWS.items():
                if only and name not in only:
                    continue
                page.evaluate(f"location.hash = {place!r}")
                if name in ("symbol", "performance"):
                    page.wait_for_selector(".chart canvas")
                if name == "setup":
                    checked(page)
                time.sleep(2.5)
                take(page, folder / f"dashboard-{name}-{look}.png")
            if only:
                page.close()
                continue
            story(page, server, folder / f"dashboard-correlation-{look}.png")
            if look == "light":
                halted(page, server, folder / "dashboard-halt-light.png")
            page.close()
        browser.close()
    server.stop()


def checked(page: Page) -> None:
    """A preset with a change that a run would refuse."""
    page.fill("[data-key='risk.max_drawdown'] input", "1.5")
    page.click("form button[type=submit]")
    page.wait_for_selector(".verdict")
    page.evaluate("document.querySelector(\"[data-key='risk.max_drawdown']\").scrollIntoView({block: 'center'})")


def story(page: Page, server: PageServer, file: Path) -> None:
    """A candidate that was filled, from the scan on."""
    found = [one for one in server.world.events if one["type"] == "TRADE_EXECUTION"][-1]
    page.evaluate(f"location.hash = '#/events/{found['id']}'")
    page.wait_for_selector(".way li")
    time.sleep(1)
    take(page, file)


def halted(page: Page, server: PageServer, file: Path) -> None:
    page.evaluate("location.hash = '#/overview'")
    page.click("#halt")
    page.fill("dialog input:not([type])", "prices look wrong")
    page.click("dialog button[type=submit]")
    page.wait_for_selector("#halt-progress[data-phase=verified]")
    take(page, file)
    page.keyboard.press("Escape")


def take(page: Page, file: Path) -> None:
    page.screenshot(path=file)
    Image.open(file).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
