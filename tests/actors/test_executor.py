"""The executor: written down before it is sent, bounded by permits, three answers from a venue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from actors import gate_rows
from actors.executor import Executor
from actors.risk_manager import GateAnswer
from actors.specs import ExecutorSpec
from domain.errors import ActorLost, Halted, Refused, Unavailable, VenueError
from domain.order import ACCEPTED, EXPIRED, REJECTED, SUBMITTED, UNKNOWN, Approved, Order, OrderStep
from domain.venue import VenueOrder
from journal import database
from journal import schema as s
from journal.store import Store
from orchestration.local import NoMeter
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, load
from tests.factories import an_order
from tests.flow.system import START, path, write_bars

Answer = Callable[[Order], list[OrderStep]]


class Clock:
    def now(self) -> int:
        return START


class Gateway:
    """A venue behind one actor: what it is sent, and how many at once; answers as it is told to."""

    def __init__(self, answer: Answer, *, idempotent: bool = False, finds_orders: bool = False) -> None:
        self.answer = answer
        self.can = {"idempotent": idempotent, "finds_orders": finds_orders}
        self.sent: list[str] = []
        self.known: dict[str, VenueOrder] = {}
        self.at_once = self.most = self.together = 0
        self.enough = asyncio.Event()

    def ask(self, name: str, method: str, *args: Any, parts: int = 1) -> Any:
        return asyncio.ensure_future(getattr(self, method)(*args))

    async def get(self, name: str, reference: Any, within: float) -> Any:
        return await reference

    async def submit(self, epoch: int, order: Order) -> list[OrderStep]:
        self.sent.append(order.id)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        if self.at_once >= self.together:
            self.enough.set()
        await asyncio.sleep(0.02)
        await asyncio.wait_for(self.enough.wait(), 10)
        self.at_once -= 1
        return self.answer(order)

    async def lookup(self, order_id: str) -> VenueOrder | None:
        return self.known.get(order_id)

    async def fills(self, after: int) -> list[Any]:
        return []

    async def capabilities(self) -> dict[str, bool]:
        return self.can

    async def orders(self) -> list[VenueOrder]:
        return []

    async def positions(self) -> list[Any]:
        return []

    async def holdings(self) -> list[Any]:
        return []

    async def foreign(self, positions: dict[str, int]) -> None:
        return None

    async def may_send(self, order: Order) -> bool:
        return True


def accepts(order: Order) -> list[OrderStep]:
    return [OrderStep(order_id=order.id, status=ACCEPTED, at=START)]


def raises(error: Exception) -> Answer:
    def answer(order: Order) -> list[OrderStep]:
        raise error

    return answer


@pytest.fixture
def spec(tmp_path: Path) -> ExecutorSpec:
    bars = write_bars(tmp_path / "EURUSD_M1.csv", path((50, 0.0001)))
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    settings = load(Overrides(symbols=("EURUSD",), data=(f"EURUSD={bars}",), db_url=url), {})
    database.prepare(url)
    specs = actor_specs(settings, market(settings), Identity("run", 0, url, 0, ""))
    found: ExecutorSpec = next(one.spec for one in specs if one.name == "Executor")
    return found


@pytest.fixture
def store(spec: ExecutorSpec) -> Iterator[Store]:
    store = Store(spec.run.db_url, 0)
    yield store
    store.close()


def orders(spec: ExecutorSpec, count: int, **more: Any) -> GateAnswer:
    made = [
        an_order(
            **{"id": f"{number:032x}", "symbol": f"S{number}", "account": spec.run.account, "expires_at": 0} | more
        )
        for number in range(count)
    ]
    store = Store(spec.run.db_url, 0)
    with store.transaction() as tx:
        tx.insert_new(s.orders, [gate_rows.order_row(spec.run.run_id, one) for one in made])
        rooms = [
            {"order_id": one.id, "account": one.account, "symbol": one.symbol, "created_at": START} for one in made
        ]
        tx.insert_new(s.reservations, rooms)
    store.close()
    return GateAnswer(approved=tuple(map(Approved, made)), denied=(), at=START)


def statuses(store: Store) -> list[str]:
    with store.read() as c:
        return list(c.execute(sa.select(s.order_events.c.status).order_by(s.order_events.c.seq)).scalars())


async def submitted(spec: ExecutorSpec, store: Store, gateway: Gateway, answer: GateAnswer) -> dict[str, str]:
    executor = Executor(spec, store, gateway, Clock(), NoMeter())  # type: ignore[arg-type]
    await executor.start(START)
    return await executor.submit(answer)


def test_no_more_orders_are_in_flight_than_there_are_permits(spec: ExecutorSpec, store: Store) -> None:
    gateway = Gateway(accepts)
    gateway.together = spec.permits

    found = asyncio.run(submitted(spec, store, gateway, orders(spec, 12)))

    assert set(found.values()) == {ACCEPTED}
    assert len(gateway.sent) == 12
    assert gateway.most == spec.permits == 5


def test_an_order_is_written_down_before_it_is_sent(spec: ExecutorSpec, store: Store) -> None:
    seen: list[list[str]] = []

    def looks(order: Order) -> list[OrderStep]:
        seen.append(statuses(store))
        return accepts(order)

    asyncio.run(submitted(spec, store, Gateway(looks), orders(spec, 1)))

    assert seen == [[SUBMITTED]]
    assert statuses(store) == [SUBMITTED, ACCEPTED]


def test_an_expired_plan_is_never_sent(spec: ExecutorSpec, store: Store) -> None:
    gateway = Gateway(accepts)
    late = orders(spec, 1, expires_at=START - 1)

    found = asyncio.run(submitted(spec, store, gateway, late))

    assert list(found.values()) == [EXPIRED]
    assert gateway.sent == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refused("no", "10019"), REJECTED),
        (Unavailable("down"), REJECTED),
        (Halted("closed for this account"), REJECTED),
    ],
)
def test_what_the_venue_did_not_take_is_rejected(
    spec: ExecutorSpec, store: Store, error: VenueError, status: str
) -> None:
    gateway = Gateway(raises(error))
    spec = msgspec.structs.replace(spec, deadline=0.3)

    found = asyncio.run(submitted(spec, store, gateway, orders(spec, 1)))

    assert list(found.values()) == [status]


def test_a_venue_that_cannot_be_reached_is_tried_again_while_the_plan_lives(spec: ExecutorSpec, store: Store) -> None:
    gateway = Gateway(accepts)

    def third(order: Order) -> list[OrderStep]:
        if len(gateway.sent) < 3:
            raise Unavailable("down")
        return accepts(order)

    gateway.answer = third
    found = asyncio.run(submitted(spec, store, gateway, orders(spec, 1)))

    assert list(found.values()) == [ACCEPTED]
    assert len(gateway.sent) == 3
    with store.read() as c:
        assert list(c.execute(sa.select(s.attempts.c.n).order_by(s.attempts.c.n)).scalars()) == [1, 2, 3]


@pytest.mark.parametrize(
    ("can", "status"), [({"idempotent": True}, ACCEPTED), ({"finds_orders": True}, UNKNOWN), ({}, UNKNOWN)]
)
def test_what_it_means_that_a_venue_does_not_know_an_order_depends_on_the_venue(
    spec: ExecutorSpec, store: Store, monkeypatch: pytest.MonkeyPatch, can: dict[str, bool], status: str
) -> None:
    gateway = Gateway(accepts, **can)

    def once(order: Order) -> list[OrderStep]:
        if len(gateway.sent) == 1:
            raise ActorLost("VenueGateway:paper", "died")
        return accepts(order)

    gateway.answer = once
    monkeypatch.setattr("actors.executor.QUESTIONS", 1)

    found = asyncio.run(submitted(spec, store, gateway, orders(spec, 1)))

    assert list(found.values()) == [status]
    assert len(gateway.sent) == (2 if can.get("idempotent") else 1)


def test_an_answer_that_was_lost_is_asked_about_and_never_sent_again(spec: ExecutorSpec, store: Store) -> None:
    gateway = Gateway(accepts)

    def lost(order: Order) -> list[OrderStep]:
        gateway.known[order.id] = VenueOrder(order=order, status=ACCEPTED)
        raise ActorLost("VenueGateway:paper", "died after it had sent")

    gateway.answer = lost
    found = asyncio.run(submitted(spec, store, gateway, orders(spec, 1)))

    assert list(found.values()) == [ACCEPTED]
    assert statuses(store) == [SUBMITTED, UNKNOWN, ACCEPTED]
    assert len(gateway.sent) == 1


def test_a_venue_that_knows_ids_is_given_what_it_never_received(spec: ExecutorSpec, store: Store) -> None:
    gateway = Gateway(accepts, idempotent=True)

    def once(order: Order) -> list[OrderStep]:
        if len(gateway.sent) == 1:
            raise ActorLost("VenueGateway:paper", "died before it had sent")
        return accepts(order)

    gateway.answer = once
    found = asyncio.run(submitted(spec, store, gateway, orders(spec, 1)))

    assert list(found.values()) == [ACCEPTED]
    assert gateway.sent[0] == gateway.sent[1]


def test_a_question_that_fails_leaves_the_order_unknown(
    spec: ExecutorSpec, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(raises(ActorLost("VenueGateway:paper", "gone")))

    async def silent(order_id: str) -> None:
        raise ActorLost("VenueGateway:paper", "still gone")

    async def run() -> dict[str, str]:
        executor = Executor(spec, store, gateway, Clock(), NoMeter())  # type: ignore[arg-type]
        await executor.start(START)
        gateway.lookup = silent  # type: ignore[method-assign]
        return await executor.submit(orders(spec, 1))

    monkeypatch.setattr("actors.executor.QUESTIONS", 1)
    assert list(asyncio.run(run()).values()) == [UNKNOWN]
    assert len(gateway.sent) == 1


def test_it_takes_no_order_before_it_has_reconciled(spec: ExecutorSpec, store: Store) -> None:
    async def run() -> None:
        executor = Executor(spec, store, Gateway(accepts), Clock(), NoMeter())  # type: ignore[arg-type]
        await executor.submit(orders(spec, 1))

    with pytest.raises(Unavailable):
        asyncio.run(run())


def test_an_order_sent_before_a_restart_is_asked_about_at_the_start(spec: ExecutorSpec, store: Store) -> None:
    answer = orders(spec, 1)
    first = Gateway(accepts)
    asyncio.run(submitted(spec, store, first, answer))
    second = Gateway(accepts)
    second.known[answer.orders[0].id] = VenueOrder(order=answer.orders[0], status=REJECTED)

    found = asyncio.run(submitted(spec, store, second, answer))

    assert list(found.values()) == [REJECTED]
    assert second.sent == []


@pytest.mark.parametrize(
    ("looks", "written"),
    [(0, [EXPIRED]), (1, [EXPIRED]), (2, [SUBMITTED, EXPIRED])],
    ids=["queued", "permit", "sending"],
)
def test_expiry_is_looked_at_when_queued_after_the_permit_and_right_before_sending(
    spec: ExecutorSpec, store: Store, looks: int, written: list[str]
) -> None:
    class Passing:
        """Time that is up after so many looks at it."""

        seen = 0

        def now(self) -> int:
            self.seen += 1
            return START if self.seen <= looks else START + 2

    live = msgspec.structs.replace(spec, run=msgspec.structs.replace(spec.run, live=True))
    gateway, clock = Gateway(accepts), Passing()

    async def run() -> dict[str, str]:
        executor = Executor(live, store, gateway, clock, NoMeter())  # type: ignore[arg-type]
        await executor.start(START)
        clock.seen = 0
        return await executor.submit(orders(spec, 1, expires_at=START + 1))

    assert list(asyncio.run(run()).values()) == [EXPIRED]
    assert gateway.sent == []
    assert statuses(store) == written
    assert clock.seen == looks + 1
