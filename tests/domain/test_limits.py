"""The token bucket and the circuit breaker: what always holds, whatever is asked when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.limits import CLOSED, HALF_OPEN, OPEN, Breaker, Change, TokenBucket

PAUSES = st.floats(0, 30, allow_nan=False)


# -- the bucket ----------------------------------------------------------------------------------


def test_after_a_pause_the_burst_passes_at_once_then_one_by_one() -> None:
    bucket = TokenBucket(rate=2, burst=3)

    assert [bucket.take(10) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(10) == 0.5
    assert bucket.take(10.25) == 0.25
    assert bucket.take(10.5) == 0
    assert [bucket.take(100) for _ in range(4)] == [0, 0, 0, 0.5]  # no more than the burst is saved up


@given(
    rate=st.floats(0.1, 100),
    burst=st.integers(1, 50),
    asked=st.lists(st.tuples(PAUSES, st.integers(1, 5))),
)
def test_never_more_than_the_rate_and_one_burst_are_granted(
    rate: float, burst: int, asked: list[tuple[float, int]]
) -> None:
    bucket, now, granted = TokenBucket(rate, burst), 1000.0, []
    for pause, n in asked:
        now += pause
        if n <= burst and bucket.take(now, n) == 0:
            granted.append((now, n))

    for place, (start, _) in enumerate(granted):
        for end, _ in granted[place:]:
            within = sum(n for at, n in granted if start <= at <= end)
            assert within <= rate * (end - start) + burst + 1e-3


@given(rate=st.floats(0.1, 100), burst=st.integers(1, 20), asked=st.lists(PAUSES, max_size=50), n=st.integers(1, 5))
def test_to_wait_as_long_as_told_is_enough_and_no_less_is(rate: float, burst: int, asked: list[float], n: int) -> None:
    bucket, now = TokenBucket(rate, burst), 1000.0
    for pause in asked:
        now += pause / 100
        bucket.take(now)
    n = min(n, burst)

    wait = bucket.take(now, n)
    if wait > 1e-3:
        assert bucket.take(now + wait - 1e-3, n) > 0
    if wait:
        assert bucket.take(now + wait, n) == 0


def test_what_is_kept_is_there_for_those_who_keep_less() -> None:
    bucket = TokenBucket(rate=1, burst=3)

    assert [bucket.take(0, keep=2), bucket.take(0, keep=2)] == [0, 1]
    assert [bucket.take(0), bucket.take(0), bucket.take(0)] == [0, 0, 1]


def test_what_is_owed_is_waited_for_by_the_next() -> None:
    bucket = TokenBucket(rate=1, burst=1)
    bucket.take(0)

    bucket.owe(0)
    bucket.owe(0)

    assert bucket.take(0) == 3
    assert bucket.take(2) == 1
    assert bucket.take(3) == 0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=1)
    bucket.take(100)

    assert bucket.take(50) == 1
    assert bucket.take(100.5) == 0.5


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_bucket_without_rate_or_room_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="a bucket needs"):
        TokenBucket(rate, burst)


def test_more_than_the_bucket_holds_would_never_come() -> None:
    with pytest.raises(ValueError, match="more than this bucket holds"):
        TokenBucket(1, 3).take(0, n=2, keep=2)


# -- the breaker ---------------------------------------------------------------------------------


def opened(at: float = 0, **more: float) -> Breaker:
    breaker = Breaker(**more)  # type: ignore[arg-type]
    for _ in range(breaker.failures):
        breaker.failed(at, breaker.allow(at))
    return breaker


def test_five_failures_in_a_row_open_it_and_a_success_between_starts_the_count_again() -> None:
    breaker = Breaker()
    for good in (False, False, False, False, True, False, False, False, False):
        (breaker.succeeded if good else breaker.failed)(0, breaker.allow(0))
    assert breaker.state == CLOSED

    breaker.failed(7, breaker.allow(7))

    assert (breaker.state, breaker.opens) == (OPEN, 1)
    assert not breaker.allow(66.9)
    assert breaker.waits(10) == 57


def test_half_open_lets_one_through_until_its_outcome_and_three_successes_close_it() -> None:
    breaker = opened()
    for _ in range(3):
        probe = breaker.allow(60)
        assert probe
        assert not breaker.allow(1e9)
        breaker.succeeded(61, probe)

    assert breaker.state == CLOSED
    assert list(breaker.history) == [
        Change(0, CLOSED, OPEN),
        Change(60, OPEN, HALF_OPEN),
        Change(61, HALF_OPEN, CLOSED),
    ]


def test_a_failing_probe_opens_it_for_another_while() -> None:
    breaker = opened()
    breaker.succeeded(60, breaker.allow(60))
    breaker.failed(61, breaker.allow(61))

    assert (breaker.state, breaker.opens) == (OPEN, 2)
    assert not breaker.allow(120)
    assert breaker.allow(121)


def test_a_probe_that_was_dropped_says_nothing_and_leaves_its_place() -> None:
    breaker = opened()
    breaker.dropped(breaker.allow(60))

    assert breaker.state == HALF_OPEN
    assert breaker.allow(60)


def test_an_urgent_call_is_the_probe_of_an_open_breaker() -> None:
    breaker = opened()
    urgent = breaker.allow(1, urgent=True)

    assert urgent
    assert breaker.state == HALF_OPEN
    assert not breaker.allow(1)  # it is out
    breaker.failed(2, urgent)
    assert breaker.state == OPEN


def test_an_urgent_call_passes_beside_a_probe_and_its_outcome_is_not_the_probes() -> None:
    breaker = opened()
    probe, beside = breaker.allow(60), breaker.allow(60, urgent=True)

    breaker.failed(60, beside)
    breaker.succeeded(60, beside)
    assert breaker.state == HALF_OPEN
    assert not breaker.allow(60)
    breaker.failed(61, probe)
    assert breaker.state == OPEN


def test_what_was_asked_before_it_opened_says_nothing_afterwards() -> None:
    """Five calls hang together while others fail: their late answers neither open nor close anything."""
    breaker = Breaker()
    late = [breaker.allow(0) for _ in range(5)]
    for _ in range(5):
        breaker.failed(1, breaker.allow(1))
    breaker.succeeded(2, late[0])
    assert breaker.state == OPEN

    probe = breaker.allow(61)
    breaker.succeeded(61, late[1])
    assert not breaker.allow(61)
    for _ in range(3):
        breaker.succeeded(62, probe)
        probe = breaker.allow(62)
    for ticket in late:
        breaker.failed(63, ticket)
    assert breaker.state == CLOSED


@pytest.mark.parametrize("wrong", [{"failures": 0}, {"open_for": 0}, {"successes": 0}])
def test_a_breaker_without_counts_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a breaker needs"):
        Breaker(**wrong)


class AnyUse(RuleBasedStateMachine):
    """Callers that overlap, outcomes in any order, now and then an urgent one."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(failures=3, open_for=10, successes=2)
        self.now = 0.0
        self.out: list[tuple[int, str]] = []  # tickets, each with the state it passed in
        self.before = CLOSED
        self.opened_at = 0.0

    def note(self) -> None:
        if self.breaker.state == OPEN != self.before:
            self.opened_at = self.now
        self.before = self.breaker.state

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask(self) -> None:
        state, probes = self.breaker.state, [one for one, where in self.out if where == HALF_OPEN]
        ticket = self.breaker.allow(self.now)
        if state == OPEN:
            assert bool(ticket) == (self.now >= self.opened_at + 10)
        if state == CLOSED:
            assert ticket
        if state == HALF_OPEN:
            assert bool(ticket) == (not probes)
        if ticket:
            self.out.append((ticket, self.breaker.state))
        self.note()

    @rule()
    def ask_urgently(self) -> None:
        free = not any(where == HALF_OPEN for _, where in self.out)
        ticket = self.breaker.allow(self.now, urgent=True)
        assert ticket
        probe = self.breaker.state == HALF_OPEN and free
        self.out.append((ticket, HALF_OPEN if probe else "beside" if self.breaker.state == HALF_OPEN else CLOSED))
        self.note()

    @precondition(lambda self: self.out)
    @rule(place=st.integers(0, 50), outcome=st.sampled_from(["succeeded", "failed", "dropped"]))
    def answer(self, place: int, outcome: str) -> None:
        ticket, where = self.out.pop(place % len(self.out))
        state = self.breaker.state
        if outcome == "dropped":
            self.breaker.dropped(ticket)
        else:
            getattr(self.breaker, outcome)(self.now, ticket)
        if state == OPEN or where == "beside":
            assert self.breaker.state == state
        if where == HALF_OPEN and outcome == "failed":
            assert self.breaker.state == OPEN
        if self.breaker.state != HALF_OPEN:
            self.out = [(one, "beside" if where == HALF_OPEN else where) for one, where in self.out]
        self.note()

    @invariant()
    def its_history_is_a_path(self) -> None:
        steps = [CLOSED, *(one.after for one in self.breaker.history)]
        assert [one.before for one in self.breaker.history] == steps[:-1]
        assert steps[-1] == self.breaker.state
        assert {(one.before, one.after) for one in self.breaker.history} <= {
            (CLOSED, OPEN),
            (OPEN, HALF_OPEN),
            (HALF_OPEN, OPEN),
            (HALF_OPEN, CLOSED),
        }
        assert len(self.breaker.history) < 100
        assert self.breaker.opens == sum(one.after == OPEN for one in self.breaker.history)


TestAnyUse = AnyUse.TestCase
