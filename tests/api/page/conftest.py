"""A real browser, and a server of an invented market for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.page_desk import Tab
from tests.api.page_server import PageServer
from tests.api.page_world import World


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser; where it or its driver is missing the test is skipped, or fails if CI is set."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        without = "no browser on this machine (program chromium, package playwright)"
        pytest.fail(without) if os.environ.get("CI") else pytest.skip(without)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def world() -> World:
    return World(12)


@pytest.fixture
def server(world: World) -> Iterator[PageServer]:
    made = PageServer(world).start()
    yield made
    made.stop()


@pytest.fixture
def tabs(chromium: Any, server: PageServer) -> Iterator[Callable[..., Tab]]:
    """Makes tabs; in the end none of them has asked anywhere else or complained about anything."""
    made: list[Tab] = []

    def tab(**options: Any) -> Tab:
        made.append(Tab(chromium, server, **options))
        return made[-1]

    yield tab
    for one in made:
        one.close()
    assert [asked for one in made for asked in one.elsewhere] == []
    assert [wrong for one in made for wrong in one.wrong] == []


@pytest.fixture
def tab(tabs: Callable[..., Tab]) -> Tab:
    """A tab of an operator who is in."""
    made = tabs()
    made.open()
    made.live()
    return made
