"""The socket of the page comes, goes, lies and falls silent; nothing is lost or doubled, or it is told."""

from __future__ import annotations

from tests.api.live_desk import shown_events
from tests.api.page_desk import SECOND, Tab
from tests.api.page_server import PageServer
from tests.api.page_world import World


def exact(tab: Tab, first: int) -> None:
    """The page has every number from its first one on, each once."""
    told = tab.page.evaluate("({...document.querySelector('#link').dataset})")
    assert [told[name] for name in ("gaps", "repeats", "skipped")] == ["0", "0", "0"]
    assert int(told["received"]) == int(told["seq"]) - first
    assert tab.page.query_selector("#gap, #repeated") is None


def first_of(tab: Tab) -> int:
    """The number of the snapshot that the page began with."""
    return int(tab.page.evaluate("(told => told.seq - told.received)(document.querySelector('#link').dataset)"))


def test_a_lost_socket_resumes_without_a_hole_or_a_repeat(tab: Tab) -> None:
    first = first_of(tab)
    for n in range(3):
        had = tab.number("seq")
        tab.server.drop(1011 + n)
        tab.page.wait_for_selector("#offline")
        tab.live()
        tab.until(lambda had=had: tab.number("seq") > had + 5, "no events after the resume")  # type: ignore[misc]
        exact(tab, first)
    assert len(tab.server.resumed) == 3
    assert tab.number("reconnects") == 3


def test_a_server_that_is_started_again_is_found_again(tab: Tab, world: World) -> None:
    first = first_of(tab)
    port = tab.server.port
    tab.server.stop()
    tab.page.wait_for_selector("#offline")
    for _ in range(20):
        world.step()
    again = PageServer(world, port=port).start()
    try:
        tab.live()
        tab.until(lambda: tab.number("seq") >= world.seq - 20, "it does not follow")
        exact(tab, first)
    finally:
        tab.close()
        again.stop()
    tab.wrong[:] = [one for one in tab.wrong if "ERR_CONNECTION" not in one and "WebSocket connection" not in one]


def test_while_the_socket_is_down_the_api_is_asked(tab: Tab) -> None:
    first = first_of(tab)
    tab.server.refusing = True
    tab.server.drop()
    tab.page.wait_for_selector("#offline")
    had, equity = tab.number("seq"), tab.page.inner_text(".equity b")
    tab.until(lambda: tab.number("seq") > had + 5, "nothing comes while the socket is down")
    tab.until(lambda: tab.page.inner_text(".equity b") != equity, "equity stands still")
    assert tab.page.get_attribute("#link", "data-state") == "down"
    tab.server.refusing = False
    tab.live()
    had = tab.number("seq")
    tab.until(lambda: tab.number("seq") > had + 5, "nothing comes after it")
    exact(tab, first)
    tab.wrong[:] = [one for one in tab.wrong if "WebSocket connection" not in one]


def test_a_state_that_is_overtaken_by_events_takes_nothing_back(tab: Tab) -> None:
    first = first_of(tab)
    tab.server.refusing, tab.server.lag = True, 3
    tab.server.drop()
    tab.page.wait_for_selector("#offline")
    had = tab.number("seq")
    tab.until(lambda: tab.number("seq") > had + 60, "nothing comes while the socket is down", 30)
    tab.server.refusing = False
    tab.live()
    tab.until(lambda: tab.number("seq") > had + 90, "nothing comes after it", 30)
    exact(tab, first)
    tab.wrong[:] = [one for one in tab.wrong if "WebSocket connection" not in one]


def test_a_server_that_does_not_know_the_number_sends_its_state_anew(tab: Tab) -> None:
    tab.server.forgets_resume = True
    tab.server.drop()
    tab.page.wait_for_selector("#offline")
    tab.live()
    had = tab.number("seq")
    tab.until(lambda: tab.number("seq") > had + 5, "nothing comes")
    assert [tab.number("gaps"), tab.number("repeats")] == [0, 0]


def test_what_a_socket_leaves_out_is_fetched(tab: Tab) -> None:
    world = tab.server.world
    tab.server.withheld = {world.seq + 8, world.seq + 9}
    last = world.seq + 9
    tab.until(lambda: tab.number("seq") > last + 5, "it does not go on")
    assert [tab.number("gaps"), tab.number("repeats")] == [0, 0]


def test_what_nobody_has_is_told_as_an_error(tab: Tab) -> None:
    world = tab.server.world
    lost = world.seq + 8
    tab.server.withheld = {lost}
    tab.until(lambda: world.seq > lost, "the world stands still")
    world.events[:] = [one for one in world.events if one["seq"] != lost]
    world.after = lambda seq: [one for one in world.events if one["seq"] > seq]  # type: ignore[method-assign]
    assert f"{lost} to {lost}" in tab.page.inner_text("#gap", timeout=20 * SECOND)
    assert tab.number("gaps") == 1
    had = tab.number("seq")
    tab.until(lambda: tab.number("seq") > had, "it does not go on behind the gap")


def test_what_comes_twice_is_told_as_an_error_and_left_out(tab: Tab) -> None:
    tab.server.send(tab.server.world.events[-1])
    tab.page.wait_for_selector("#repeated")
    assert tab.number("repeats") == 1


def test_nonsense_from_the_socket_does_no_harm(tab: Tab) -> None:
    for message in (
        {"type": 5},
        {"type": "STATE_SNAPSHOT", "data": None, "seq": tab.server.world.seq},
        {"type": "ALERT", "id": "", "seq": 7},
    ):
        tab.server.send(message)
    had = tab.number("seq")
    tab.until(lambda: tab.number("seq") > had, "it does not go on")


def test_silence_is_told_after_ten_seconds_and_forgotten_when_it_ends(tab: Tab) -> None:
    tab.page.wait_for_timeout(2 * SECOND)
    assert tab.page.query_selector("#stale") is None
    tab.server.silent = True
    tab.page.wait_for_timeout(7 * SECOND)
    assert tab.page.query_selector("#stale") is None
    assert "nothing has come for" in tab.page.inner_text("#stale")
    tab.server.silent = False
    tab.page.wait_for_selector("#stale", state="detached")


def test_a_snapshot_older_than_what_the_page_has_takes_nothing_back(tab: Tab) -> None:
    first, world = first_of(tab), tab.server.world
    old, real = world.snapshot(), world.snapshot
    tab.until(lambda: tab.number("seq") > old["seq"] + 20, "no events")
    world.snapshot = lambda: old  # type: ignore[method-assign]
    tab.server.drop()
    tab.page.wait_for_selector("#offline")
    tab.live()
    world.snapshot = real  # type: ignore[method-assign]
    had = max(tab.number("seq"), world.seq) + 10
    tab.until(lambda: tab.number("seq") > had, "it stands still", 40)
    rows = [one for one in shown_events(tab) if one > first]
    assert rows == list(range(first + 1, rows[-1] + 1))
