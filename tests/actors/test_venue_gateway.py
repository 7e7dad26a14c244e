"""The gateway: nothing is sent for an older engine or beyond the service's limits, and exits always pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from actors.guard import Guard
from actors.venue_gateway import VenueGateway
from domain.errors import (
    ArgusError,
    DatabaseAway,
    Halted,
    InvalidTransition,
    Refused,
    StaleEpoch,
    Unavailable,
    Unknown,
    VenueError,
)
from domain.limits import CLOSED, HALF_OPEN, OPEN, Breaker, TokenBucket
from domain.market import end_of_data
from domain.order import SELL, Order
from domain.timeframe import SECOND
from tests.factories import T, an_order

EPOCH = 3

SENDS: dict[str, tuple[Any, ...]] = {
    "submit": (EPOCH, an_order()),
    "cancel": (EPOCH, "order-1", T),
    "modify": (EPOCH, "EURUSD", 1, 1, 2, T),
}
ASKS: dict[str, tuple[Any, ...]] = {"lookup": ("order-1",), "orders": (), "fills": (0,), "positions": (), "account": ()}
URGENT = {"cancel", "lookup"}


def an_exit() -> Order:
    entry = an_order()
    return an_order(id="exit-1", side=SELL, reduces=entry.quantity)


class Service:
    """A venue that does as it is told: answers, or raises what it is given."""

    name = "service"

    def __init__(self) -> None:
        self.called: list[str] = []
        self.error: BaseException | None = None

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.called.append(method)
            if self.error is not None:
                raise self.error
            return [method]

        return call


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Desk:
    """A gateway of epoch 3 before a service, the database and the time in hand."""

    def __init__(self, bucket: TokenBucket | None = None, breaker: Breaker | None = None) -> None:
        self.service, self.time, self.newest = Service(), Time(), EPOCH
        self.away: ArgusError | None = None
        self.looks = 0
        guard = Guard("service", bucket, breaker, self.time, self.time.sleep) if bucket or breaker else None
        self.gateway = VenueGateway("VenueGateway:service", EPOCH, self.service, self.present, guard)
        self.live = VenueGateway("VenueGateway:service", EPOCH, self.service, self.present, guard, self.wall_clock)

    def wall_clock(self) -> int:
        return T + int((self.time.now - 100) * SECOND)

    def present(self) -> int:
        self.looks += 1
        if self.away is not None:
            raise self.away
        return self.newest

    def call(self, method: str, *args: Any) -> Any:
        return getattr(self.gateway, method)(*(args or (SENDS | ASKS)[method]))

    def code(self, method: str, *args: Any) -> str:
        """The code of its refusal, or of what the venue raised; empty if it went well."""
        try:
            self.call(method, *args)
        except VenueError as error:
            return error.code or type(error).__name__
        return ""

    def fails(self, times: int, error: BaseException | None = None) -> None:
        self.service.error = error or Unavailable("down")
        for _ in range(times):
            self.code("submit")
        self.service.error = None
        self.service.called.clear()


# -- the fence -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", SENDS)
def test_a_sender_of_an_older_epoch_is_refused(method: str) -> None:
    desk = Desk()

    with pytest.raises(StaleEpoch, match="a sender of epoch 2 after epoch 3"):
        desk.call(method, EPOCH - 1, *SENDS[method][1:])
    assert desk.service.called == []


@pytest.mark.parametrize("method", SENDS)
def test_nothing_is_sent_when_the_database_has_a_newer_epoch(method: str) -> None:
    desk = Desk()
    desk.newest = EPOCH + 1

    with pytest.raises(StaleEpoch, match="of epoch 3, the database at 4"):
        desk.call(method)
    assert desk.service.called == []


@pytest.mark.parametrize("error", [DatabaseAway("gone"), InvalidTransition("not", "what", "you expect")])
@pytest.mark.parametrize("method", SENDS)
def test_nothing_is_sent_when_the_epoch_cannot_be_read(method: str, error: ArgusError) -> None:
    desk = Desk()
    desk.away = error

    assert desk.code(method) == "EPOCH_UNREADABLE"
    with pytest.raises(Unavailable):
        desk.call(method)
    assert desk.service.called == []


def test_the_epoch_is_read_for_every_send_and_for_no_question() -> None:
    desk = Desk()
    for method in (*SENDS, *SENDS, *ASKS):
        desk.call(method)

    assert desk.looks == 2 * len(SENDS)


def test_an_older_engine_may_still_ask() -> None:
    desk = Desk()
    desk.newest = EPOCH + 1

    assert [desk.call(method) for method in ASKS] == [[method] for method in ASKS]


def test_bars_are_fenced_by_the_sender_and_by_the_commit_they_end_in() -> None:
    desk = Desk()
    desk.newest = EPOCH + 1

    assert desk.gateway.advance(EPOCH, end_of_data()) == ["advance"]  # type: ignore[comparison-overlap]
    with pytest.raises(StaleEpoch):
        desk.gateway.advance(EPOCH - 1, end_of_data())
    assert desk.service.called == ["advance"]


def test_an_engine_that_is_older_once_its_token_has_come_sends_nothing() -> None:
    desk = Desk(bucket=TokenBucket(rate=2, burst=1))
    desk.call("submit")

    def frozen(seconds: float) -> None:
        desk.time.now += seconds
        desk.newest = EPOCH + 1

    desk.gateway._guard._sleep = frozen  # type: ignore[union-attr]
    with pytest.raises(StaleEpoch):
        desk.call("submit")
    assert desk.service.called == ["submit"]


def test_a_plan_that_expired_while_its_order_waited_is_not_sent() -> None:
    desk = Desk(bucket=TokenBucket(rate=2, burst=1))
    order = an_order(expires_at=T + SECOND // 4)
    desk.live.submit(EPOCH, order)

    with pytest.raises(Unavailable) as refused:
        desk.live.submit(EPOCH, order)
    assert refused.value.code == "EXPIRED"
    assert desk.service.called == ["submit"]

    desk.live.submit(EPOCH, an_order(side=SELL, reduces=order.quantity, expires_at=order.expires_at))
    desk.live.submit(EPOCH, an_order(expires_at=0))
    desk.gateway.submit(EPOCH, order)  # where T decides, the executor has looked
    assert desk.service.called == ["submit"] * 4


# -- three answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [False, True])
@pytest.mark.parametrize("error", [ValueError("code 7"), OSError("broken pipe"), DatabaseAway("lost in the commit")])
def test_what_nobody_expected_is_unknown_after_a_send_and_no_answer_to_a_question(
    error: Exception, limits: bool
) -> None:
    desk = Desk(TokenBucket(10, 100), Breaker(failures=100)) if limits else Desk()
    desk.service.error = error
    text = f"VenueGateway:service: {type(error).__name__}: {error}"

    for method in SENDS:
        with pytest.raises(Unknown) as sent:
            desk.call(method)
        assert (sent.value.what, sent.value.code) == (text, "UNEXPECTED")
    for method in ASKS:
        with pytest.raises(Unavailable) as asked:
            desk.call(method)
        assert (asked.value.what, asked.value.code) == (text, "UNEXPECTED")


@pytest.mark.parametrize("limits", [False, True])
@pytest.mark.parametrize(
    "error", [Unavailable("down"), Refused("no", "10019"), Unknown("lost"), Halted("closed"), StaleEpoch("over")]
)
def test_what_a_venue_may_raise_stays_what_it_is(error: Exception, limits: bool) -> None:
    desk = Desk(TokenBucket(10, 100), Breaker(failures=100)) if limits else Desk()
    desk.service.error = error

    for method in (*SENDS, *ASKS):
        with pytest.raises(type(error)) as raised:
            desk.call(method)
        assert raised.value is error


# -- the circuit breaker -------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Unavailable("down"), Unknown("lost"), RuntimeError("what")])
def test_after_failures_in_a_row_nothing_more_is_sent(error: Exception) -> None:
    desk = Desk(breaker=Breaker(failures=3, open_for=60))
    desk.fails(3, error)

    assert [desk.code(method) for method in (*SENDS, *ASKS) if method not in URGENT] == ["CIRCUIT_OPEN"] * 6
    assert desk.service.called == []
    with pytest.raises(Unavailable, match="the next call passes in 60 s"):
        desk.call("positions")  # neither flat nor absent: no answer


@pytest.mark.parametrize("answer", [Refused("no", "1"), Halted("closed"), None])
def test_a_no_is_an_answer(answer: Exception | None) -> None:
    desk = Desk(breaker=Breaker(failures=3))
    desk.fails(2)
    desk.service.error = answer
    desk.code("submit")
    desk.fails(2)

    assert desk.code("submit") == ""


def test_what_says_nothing_about_the_venue_counts_neither_way() -> None:
    desk = Desk(breaker=Breaker(failures=3))
    desk.fails(2)
    desk.away = DatabaseAway("gone")
    assert [desk.code("submit") for _ in range(5)] == ["EPOCH_UNREADABLE"] * 5
    desk.away, desk.newest = None, EPOCH + 1
    for _ in range(5):
        with pytest.raises(StaleEpoch):
            desk.call("submit")
    desk.newest = EPOCH
    desk.service.error = StaleEpoch("refused by its own database")
    for _ in range(5):
        with pytest.raises(StaleEpoch):
            desk.call("submit")

    assert desk.gateway.health().detail["breaker"] == CLOSED
    desk.fails(1)
    assert desk.gateway.health().detail["breaker"] == OPEN


@pytest.mark.parametrize(("method", "args"), [("submit", (EPOCH, an_exit())), ("cancel", ()), ("lookup", ())])
def test_what_ends_risk_and_what_asks_about_an_order_pass_an_open_breaker(method: str, args: tuple[Any, ...]) -> None:
    desk = Desk(breaker=Breaker(failures=3, open_for=60))
    desk.fails(3)

    desk.service.error = Unavailable("down")
    assert [desk.code(method, *args) for _ in range(10)] == ["Unavailable"] * 10
    assert desk.code("submit") == "CIRCUIT_OPEN"
    desk.service.error = None

    assert [desk.code(method, *args) for _ in range(3)] == ["", "", ""]
    assert desk.service.called == [method] * 13
    assert desk.code("submit") == ""  # they were the probes


def test_a_reversal_is_no_exit() -> None:
    desk = Desk(breaker=Breaker(failures=1))
    desk.fails(1)
    entry = an_order()

    assert desk.code("submit", EPOCH, an_order(quantity=2 * entry.quantity, reduces=entry.quantity)) == "CIRCUIT_OPEN"


def test_one_probe_after_the_time_and_three_successes_close_it() -> None:
    desk = Desk(breaker=Breaker(failures=3, open_for=60))
    desk.fails(3)
    desk.time.now += 60

    states = []
    for _ in range(3):
        assert desk.code("positions") == ""
        states.append(desk.gateway.health().detail["breaker"])
    assert states == [HALF_OPEN, HALF_OPEN, CLOSED]
    assert desk.gateway.health().detail["opens"] == 1


# -- the rate limit ------------------------------------------------------------------------------


def test_a_call_waits_for_its_token_a_second_at_most() -> None:
    desk = Desk(bucket=TokenBucket(rate=2, burst=1))
    assert [desk.code("submit") for _ in range(3)] == [""] * 3
    assert desk.time.slept == [0.5, 0.5]

    slow = Desk(bucket=TokenBucket(rate=0.5, burst=1))
    assert [slow.code("submit") for _ in range(3)] == ["", "RATE_LIMITED", "RATE_LIMITED"]
    assert slow.time.slept == []
    assert slow.service.called == ["submit"]


def test_the_last_third_of_the_burst_is_for_what_is_urgent() -> None:
    desk = Desk(bucket=TokenBucket(rate=0.001, burst=6))

    assert [desk.code("positions") for _ in range(6)] == [""] * 4 + ["RATE_LIMITED"] * 2
    assert desk.code("lookup") == ""
    assert desk.code("cancel") == ""


def test_an_exit_without_a_token_goes_all_the_same_and_the_others_wait_for_it() -> None:
    desk = Desk(bucket=TokenBucket(rate=0.5, burst=3))

    assert [desk.code("submit", EPOCH, an_exit()) for _ in range(6)] == [""] * 6
    assert desk.time.slept == []
    desk.time.now += 2 * 4  # what was owed, and one for them
    assert desk.code("positions") == "RATE_LIMITED"
    desk.time.now += 2
    assert desk.code("positions") == ""


def test_a_call_without_a_token_leaves_the_probe_to_another() -> None:
    desk = Desk(bucket=TokenBucket(rate=0.01, burst=5), breaker=Breaker(failures=4, open_for=60))
    desk.fails(4)
    desk.time.now += 60
    assert desk.code("positions") == "RATE_LIMITED"
    assert desk.service.called == []

    desk.time.now += 600
    assert desk.code("positions") == ""


def test_without_limits_nothing_is_measured() -> None:
    desk = Desk()
    desk.fails(50)

    assert desk.code("submit") == ""
    assert (desk.gateway.health().detail["breaker"], desk.gateway.health().detail["opens"]) == ("off", 0)


def test_health_answers_without_asking_the_venue() -> None:
    desk = Desk()
    desk.service.error = RuntimeError("hangs")

    assert desk.gateway.health().ready
    assert desk.service.called == []
