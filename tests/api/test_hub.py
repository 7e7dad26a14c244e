"""The hub: every event once and in order, whatever happens to its readers, its writers and its database."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from api.hub import Hub
from api.pages import COMPACTED, Page, Told, Wish
from api.subscription import Subscription
from domain.errors import DatabaseAway
from domain.events import ALERT, ENGINE_STATE, SCAN_START
from journal import database, schema
from journal.store import Store
from tests.api.stream_desk import Desk, Writers, a_run, soon


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(address)
    return address


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    one = Desk(url, "run", "other")
    yield one
    one.close()


@pytest.fixture
def hub(url: str) -> Iterator[Hub]:
    one = Hub(url, every=0.005, again=0.02)
    yield one
    one.close()


def numbers(found: list[Told]) -> list[int]:
    return [one["seq"] for one in found]


def taken(one: Subscription, count: int) -> list[Told]:
    """So many events, of which the last has come."""
    found: list[Told] = []
    while len(found) < count:
        more = one.take(10.0, most=count - len(found))
        assert more, f"only {len(found)} of {count} events came"
        found += more
    return found


# -- from the database, and then as they are written -------------------------------------------------


def test_a_reader_gets_what_was_and_then_what_is_written(desk: Desk, hub: Hub) -> None:
    desk.write(count=5)
    one = hub.subscribe("run")

    assert numbers(taken(one, 5)) == [1, 2, 3, 4, 5]
    assert one.take(0.05) == []
    desk.write(count=2)
    assert numbers(taken(one, 2)) == [6, 7]
    assert one.seq == 7


def test_an_envelope_is_what_the_command_line_prints(desk: Desk, hub: Hub) -> None:
    desk.write(kind="CANDIDATE", symbol="BTC")

    [told] = taken(hub.subscribe("run"), 1)
    assert list(told) == ["v", "seq", "id", "type", "ts", "run_id", "symbol", "correlation_id", "causation_id", "data"]
    assert (told["v"], told["type"], told["symbol"], told["data"]) == (1, "CANDIDATE", "BTC", {"n": 1})
    assert told.text.startswith('{"v":1,"seq":1,"id":"')
    assert told.text is told.text


def test_a_reader_begins_after_any_number(desk: Desk, hub: Hub) -> None:
    desk.write(count=10)

    assert numbers(taken(hub.subscribe("run", 7), 3)) == [8, 9, 10]
    assert hub.subscribe("run", 10).take(0.05) == []


def test_a_number_that_is_not_yet_counts_as_the_newest(desk: Desk, hub: Hub) -> None:
    """As after a backup was restored: nothing is waited for that comes never."""
    desk.write(count=3)
    ahead, behind = hub.subscribe("run", 1_000), hub.subscribe("run")
    assert ahead.take(0.05) == []
    assert numbers(taken(behind, 3)) == [1, 2, 3]

    desk.write()
    assert numbers(taken(ahead, 1)) == numbers(taken(behind, 1)) == [4]


def test_numbers_are_followed_from_the_newest_too(desk: Desk, hub: Hub) -> None:
    desk.write(count=3)
    ahead = hub.subscribe("run", 1_000)
    assert ahead.take(0.05) == []
    desk.write("other")
    desk.write()

    assert marked(taken(ahead, 2)) == [(4, 4), 5]


def test_the_tail_begins_where_its_first_reader_is(desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write(count=50)
    looks: list[int] = []
    real = hub._page

    def page(wanted: Wish, after: int, limit: int) -> Page:
        looks.append(after)
        return real(wanted, after, limit)

    monkeypatch.setattr(hub, "_page", page)
    one = hub.subscribe("run", 48)
    assert numbers(taken(one, 2)) == [49, 50]
    desk.write()
    assert numbers(taken(one, 1)) == [51]
    assert min(looks) == 48


def test_a_page_that_is_read_for_one_who_was_told_to_stop_is_not_read_again(
    desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write(count=6)
    real, slow = hub._page, threading.Event()

    def page(wanted: Wish, after: int, limit: int) -> Page:
        found = real(wanted, after, limit)
        slow.wait(0.2)
        return found

    monkeypatch.setattr(hub, "_page", page)

    async def reads() -> list[Told]:
        one, found = hub.subscribe("run", size=6), list[Told]()
        for _ in range(4):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    found += await one.batch()
        slow.set()
        while len(found) < 6:
            found += await one.batch()
        await asyncio.sleep(0.05)
        return found + list(one._waiting)

    assert numbers(asyncio.run(reads())) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("page", [1, 2, 7, 1000])
def test_a_long_past_comes_in_pages_of_any_size(desk: Desk, url: str, page: int) -> None:
    desk.write(count=53)
    hub = Hub(url, every=0.005, page_size=page)

    assert numbers(taken(hub.subscribe("run"), 53)) == list(range(1, 54))
    hub.close()


def test_the_first_word_of_a_run_is_told_when_the_run_is_there_and_as_of_that_run(desk: Desk, hub: Hub) -> None:
    desk.write("run")
    one = hub.subscribe(None)
    assert numbers(taken(one, 1)) == [1]
    desk.write("new", kind=ENGINE_STATE)
    late = hub.subscribe("new")
    assert (one.take(0.05), late.take(0.05)) == ([], [])
    with desk.store.transaction() as tx:
        tx.insert(schema.runs, [a_run("new") | {"simulated": True}])

    assert [event["data"] for event in (*taken(one, 1), *taken(late, 1))] == [{"n": 2, "simulated": True}] * 2


def test_an_event_of_a_run_that_nobody_knows_is_told_after_a_while(
    desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub._runs, "_patience", 0.1)
    desk.write("nobody's", kind=ENGINE_STATE)
    desk.write("run")
    one = hub.subscribe(None)
    assert one.take(0.03) == []

    assert numbers(taken(one, 2)) == [1, 2]


# -- what is wanted ----------------------------------------------------------------------------------


def test_types_and_symbols_are_chosen_in_the_past_and_in_the_tail(desk: Desk, hub: Hub) -> None:
    def some() -> None:
        desk.write(kind="CANDIDATE", symbol="BTC")
        desk.write(kind=ALERT, symbol="BTC")
        desk.write(kind="CANDIDATE", symbol="EURUSD")
        desk.write(kind=ALERT)

    some()
    candidates, bitcoins = hub.subscribe("run", types=["CANDIDATE"]), hub.subscribe("run", symbols=["BTC"])
    both, nothing = hub.subscribe("run", types=[ALERT], symbols=["BTC"]), hub.subscribe("run", types=[])
    past = [numbers(taken(candidates, 2)), numbers(taken(bitcoins, 2)), numbers(taken(both, 1)), nothing.take(0.02)]
    assert past == [[1, 3], [1, 2], [2], []]
    some()
    tail = [numbers(taken(candidates, 2)), numbers(taken(bitcoins, 2)), numbers(taken(both, 1)), nothing.take(0.02)]
    assert tail == [[5, 7], [5, 6], [6], []]


def test_a_run_is_followed_alone_and_all_of_them_together(desk: Desk, hub: Hub) -> None:
    desk.write("run", 2)
    alone, together = hub.subscribe("other", types=[ALERT]), hub.subscribe(None)
    assert numbers(taken(together, 2)) == [1, 2]
    assert alone.take(0.02) == []
    desk.write("other", 2)
    desk.write("run")

    assert numbers(taken(alone, 2)) == [3, 4]
    assert numbers(taken(together, 3)) == [3, 4, 5]


# -- numbers that are missing ------------------------------------------------------------------------


def marked(found: list[Told]) -> list[Any]:
    return [tuple(one["data"].values()) if one["type"] == COMPACTED else one["seq"] for one in found]


def test_what_was_dropped_is_told_where_it_was(desk: Desk, hub: Hub) -> None:
    desk.write(count=2)
    desk.write(count=3, kind=SCAN_START)
    desk.write(count=2)
    assert desk.drop() == 2  # the newest stays

    assert marked(taken(hub.subscribe("run"), 6)) == [1, 2, (3, 4), 5, 6, 7]
    assert marked(taken(hub.subscribe("run", 3), 4)) == [(4, 4), 5, 6, 7]
    assert marked(taken(hub.subscribe("run", 4), 3)) == [5, 6, 7]
    assert marked(taken(hub.subscribe("run", 1, types=[ALERT]), 3)) == [2, 6, 7]
    marker = taken(hub.subscribe("run", 2), 1)[0]
    assert (marker["type"], marker["seq"], marker["run_id"]) == (COMPACTED, 4, "run")


def test_who_resumes_after_a_marker_gets_the_next_event(desk: Desk, hub: Hub) -> None:
    desk.write(count=4, kind=SCAN_START)
    desk.drop()
    one = hub.subscribe("run", 1)
    found = [*taken(one, 1), *taken(hub.subscribe("run", one.seq), 1)]

    assert marked(found) == [(2, 3), 4]


def test_numbers_of_another_run_are_marked_in_the_past_and_in_the_tail(desk: Desk, hub: Hub) -> None:
    desk.write("run")
    desk.write("other", 2)
    one = hub.subscribe("run")
    assert marked(taken(one, 1)) == [1]
    desk.write("run")
    desk.write("other", 3)
    desk.write("run", 2)
    desk.write("other")
    desk.write("run")

    assert marked(taken(one, 7)) == [(2, 3), 4, (5, 7), 8, 9, (10, 10), 11]
    assert marked(taken(hub.subscribe("run"), 8)) == [1, (2, 3), 4, (5, 7), 8, 9, (10, 10), 11]
    assert marked(taken(hub.subscribe("run", 5), 5)) == [(6, 7), 8, 9, (10, 10), 11]


# -- slow readers ------------------------------------------------------------------------------------


def test_who_does_not_read_is_dropped_and_marked_and_nobody_else_is(desk: Desk, hub: Hub) -> None:
    slow, quick = hub.subscribe("run", size=10), hub.subscribe("run")
    desk.write()
    assert numbers(taken(slow, 1)) == numbers(taken(quick, 1)) == [1]
    assert slow.take(0.02) == []
    assert slow.live
    for _ in range(12):
        desk.write()

    assert numbers(taken(quick, 12)) == list(range(2, 14))
    soon(lambda: slow.lost)
    assert slow.take() == []
    assert slow.seq == 1
    assert slow.waiting == 0
    assert not quick.lost
    assert hub.listeners == 1
    assert numbers(taken(hub.subscribe("run", slow.seq), 12)) == list(range(2, 14))


def test_who_is_behind_in_the_past_is_not_too_slow(desk: Desk, hub: Hub) -> None:
    """A page is only read when the one before has been taken: nothing piles up."""
    desk.write(count=95)
    one = hub.subscribe("run", size=10)
    found: list[Told] = []
    while len(found) < 95:
        found += one.take(10.0, most=3)
        assert one.waiting <= 10

    assert numbers(found) == list(range(1, 96))
    assert not one.lost


def test_many_who_are_behind_hold_a_page_each_of_so_many_bytes(desk: Desk, url: str) -> None:
    for number in range(30):
        desk.write(size=20_000 if number == 10 else 3_000)
    hub = Hub(url, every=0.005, page_bytes=16_000)
    several = [hub.subscribe("run") for _ in range(20)]
    for one in several:
        assert numbers(taken(one, 1)) == [1]
        assert one.weight <= 16_000 - 3_000
    one, heaviest = several[0], 0
    found = numbers(taken(one, 1))
    while len(found) < 29:
        heaviest = max(heaviest, one.weight)
        found += numbers(taken(one, 1))

    assert found == list(range(2, 31))
    assert 3_000 < heaviest <= 16_000
    hub.close()


def test_who_does_not_read_large_events_is_dropped_before_they_are_many(desk: Desk, url: str) -> None:
    hub = Hub(url, every=0.005, waiting_bytes=16_000)
    slow, quick, few = hub.subscribe("run"), hub.subscribe("run"), hub.subscribe("run", types=["CANDIDATE"])
    for one in (slow, quick, few):
        assert one.take(0.02) == []
        soon(lambda one=one: one.live)
    for number in range(1, 4):
        desk.write(size=3_000)
        assert numbers(taken(quick, 1)) == [number]
    assert (slow.waiting, slow.lost) == (3, False)
    assert 9_000 < slow.weight <= 16_000
    for number in range(4, 8):
        desk.write(size=3_000)
        assert numbers(taken(quick, 1)) == [number]

    soon(lambda: slow.lost)
    assert (slow.waiting, slow.weight, slow.seq) == (0, 0, 0)
    assert not quick.lost
    assert not few.lost
    hub.close()


def test_an_event_larger_than_all_that_may_wait_is_told_to_who_reads(desk: Desk, url: str) -> None:
    hub = Hub(url, every=0.005, page_bytes=8_000, waiting_bytes=16_000)
    one = hub.subscribe("run")
    assert one.take(0.02) == []
    soon(lambda: one.live)
    desk.write(size=50_000)
    assert numbers(taken(one, 1)) == [1]
    desk.write(size=50_000)

    assert numbers(taken(one, 1)) == [2]
    assert not one.lost
    hub.close()


def test_a_closed_subscription_ends_whoever_waits(desk: Desk, hub: Hub) -> None:
    one = hub.subscribe("run")
    waiting = threading.Thread(target=one.take)
    waiting.start()
    soon(lambda: one.live)
    one.close()
    waiting.join(5.0)

    assert not waiting.is_alive()
    assert hub.listeners == 0


def test_a_closed_hub_ends_everybody(desk: Desk, url: str) -> None:
    async def reads() -> list[list[Told]]:
        hub = Hub(url, every=0.005)
        several = [hub.subscribe("run") for _ in range(3)]
        tasks = [asyncio.create_task(one.batch()) for one in several]
        while not all(one.live for one in several):  # noqa: ASYNC110 - the hub's own state
            await asyncio.sleep(0.005)
        await asyncio.to_thread(hub.close)
        late = hub.subscribe("run")
        assert await late.batch() == []
        return list(await asyncio.gather(*tasks))

    assert asyncio.run(reads()) == [[], [], []]


def test_nobody_reads_the_database_while_nobody_listens(desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    one = hub.subscribe("run")
    assert one.take(0.02) == []
    one.close()
    looks: list[int] = []
    real = Store.read

    def read(self: Store) -> Any:
        looks.append(1)
        return real(self)

    monkeypatch.setattr(Store, "read", read)
    threading.Event().wait(0.1)
    looks.clear()
    threading.Event().wait(0.1)
    assert looks == []


# -- the database is away ----------------------------------------------------------------------------


def test_a_database_that_is_away_is_waited_for(desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write()
    live = hub.subscribe("run")
    assert numbers(taken(live, 1)) == [1]
    soon(lambda: live.take(0.01) == [] and live.live)
    real = Store.read

    def away(self: Store) -> Any:
        raise DatabaseAway("it restarts")

    monkeypatch.setattr(Store, "read", away)
    late = hub.subscribe("run")
    assert late.take(0.05) == []
    assert live.take(0.05) == []
    assert hub.away == "DatabaseAway: it restarts"
    monkeypatch.setattr(Store, "read", real)
    desk.write()

    assert numbers(taken(live, 1)) == [2]
    assert numbers(taken(late, 2)) == [1, 2]
    assert hub.away == ""


def test_a_database_that_is_made_later_is_followed_then(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'later.db'}"
    hub = Hub(address, every=0.005, again=0.01)
    one = hub.subscribe(None)
    assert one.take(0.05) == []
    assert hub.away
    database.prepare(address)
    desk = Desk(address, "run")
    desk.write()

    assert numbers(taken(one, 1)) == [1]
    hub.close()
    desk.close()


# -- the guarantee -----------------------------------------------------------------------------------


def whole(found: list[Told]) -> list[int]:
    """The numbers of the events; each one and each marker begins where the one before ended."""
    before = 0
    for one in found:
        first = one["data"]["from_seq"] if one["type"] == COMPACTED else one["seq"]
        assert first == before + 1 or (before == 0 and one["type"] != COMPACTED), (before, one)
        before = one["seq"]
    return [one["seq"] for one in found if one["type"] != COMPACTED]


async def killed_again_and_again(hub: Hub, dice: random.Random, writers: Writers, until: Any, **wanted: Any) -> Any:
    """Reads as a client does that is killed at any moment and resumes from the last number it has seen."""
    found: list[Told] = []
    kills = 0
    while True:
        after = found[-1]["seq"] if found else 0
        one = hub.subscribe(after_seq=after, size=dice.choice([1, 5, 50, 1000]), **wanted)
        for _ in range(dice.randint(0, 6)):
            try:
                async with asyncio.timeout(dice.choice([0.0, 0.002, 0.02])):
                    found += await one.batch(dice.randint(1, 40))
            except TimeoutError:
                pass
        one.close()
        kills += 1
        if not writers.busy and until(found):
            return found, kills


@pytest.mark.parametrize("seed", range(4))
def test_whoever_is_killed_and_resumes_gets_exactly_the_events_of_the_database(url: str, desk: Desk, seed: int) -> None:
    """Three writers, four readers in one loop, killed at random, pages of random size, two hubs as of two processes."""
    dice = random.Random(seed)
    hubs = [Hub(url, every=0.003, again=0.01, page_size=dice.choice([1, 3, 20, 1000])) for _ in range(2)]
    wishes: list[dict[str, Any]] = [
        {"run_id": "run"},
        {"run_id": None},
        {"run_id": "run", "types": ["CANDIDATE", SCAN_START]},
        {"run_id": None, "symbols": ["BTC"]},
    ]

    async def readers(writers: Writers) -> list[Any]:
        def done(wish: dict[str, Any]) -> Any:
            return lambda found: bool(found) and found[-1]["seq"] == (desk.numbers(**wish) or [0])[-1]

        asked = (
            killed_again_and_again(hubs[place % 2], random.Random(seed + place), writers, done(wish), **wish)
            for place, wish in enumerate(wishes)
        )
        return list(await asyncio.gather(*asked))

    with Writers(desk, ["run", "run", "other"], each=120, seed=seed) as writers:
        read = asyncio.run(readers(writers))
    for wish, (found, kills) in zip(wishes, read, strict=True):
        filtered = "types" in wish or "symbols" in wish
        assert (numbers(found) if filtered else whole(found)) == desk.numbers(**wish), wish
        assert kills > 10
    for hub in hubs:
        assert hub.listeners == 0
        hub.close()


def test_many_readers_hear_the_same_from_one_tail(desk: Desk, hub: Hub) -> None:
    async def reads() -> list[list[int]]:
        several = [hub.subscribe("run") for _ in range(50)]

        async def one(subscription: Subscription) -> list[int]:
            found: list[Told] = []
            async for event in subscription:
                found.append(event)
                if len(found) == 200:
                    break
            return numbers(found)

        tasks = [asyncio.create_task(one(each)) for each in several]
        for _ in range(40):
            await asyncio.to_thread(desk.write, "run", 5)
        return list(await asyncio.gather(*tasks))

    assert asyncio.run(reads()) == [list(range(1, 201))] * 50
    assert len([one for one in threading.enumerate() if one.name == "event-hub"]) == 1
