"""What an error is, whoever wrapped it, and how long the next try waits."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import errors
from domain.faults import (
    CONFIGURATION,
    CRITICAL,
    DATA,
    EMERGENCY,
    EXTERNAL,
    HIGH,
    IGNORE,
    LOGIC,
    LOW,
    MEDIUM,
    NETWORK,
    RESET,
    RETRY,
    SKIP,
    SYSTEM,
    TRADING,
    Fault,
    backoff,
    classify,
)

TABLE: list[tuple[BaseException, tuple[str, str, str]]] = [
    (errors.StaleEpoch("over"), (SYSTEM, CRITICAL, EMERGENCY)),
    (errors.AlreadyRunning("pid 1"), (SYSTEM, CRITICAL, EMERGENCY)),
    (errors.Halted("no trading"), (TRADING, CRITICAL, EMERGENCY)),
    (errors.Unknown("lost"), (TRADING, HIGH, SKIP)),
    (errors.Refused("no", "1"), (TRADING, LOW, SKIP)),
    (errors.Unavailable("down"), (EXTERNAL, MEDIUM, RETRY)),
    (errors.ActorLost("Executor", "killed"), (SYSTEM, HIGH, RETRY)),
    (errors.DatabaseAway("gone"), (SYSTEM, HIGH, RETRY)),
    (errors.DeadlineMissed("Executor", 5.0), (SYSTEM, MEDIUM, RETRY)),
    (errors.InvalidTransition("o", "FILLED", "INTENT"), (LOGIC, HIGH, RESET)),
    (errors.ConfigError("wrong"), (CONFIGURATION, CRITICAL, EMERGENCY)),
    (errors.NotRunning("none"), (CONFIGURATION, LOW, SKIP)),
    (errors.DatabaseBroken("full"), (SYSTEM, CRITICAL, EMERGENCY)),
    (MemoryError(), (SYSTEM, CRITICAL, EMERGENCY)),
    (PermissionError("no"), (SYSTEM, CRITICAL, EMERGENCY)),
    (OSError(errno.ENOSPC, "No space left on device"), (SYSTEM, CRITICAL, EMERGENCY)),
    (OSError(errno.EROFS, "Read-only file system"), (SYSTEM, CRITICAL, EMERGENCY)),
    (OSError(errno.EMFILE, "Too many open files"), (SYSTEM, HIGH, RETRY)),
    (ConnectionError("refused"), (NETWORK, HIGH, RETRY)),
    (ConnectionResetError("by peer"), (NETWORK, HIGH, RETRY)),
    (TimeoutError("slow"), (NETWORK, MEDIUM, RETRY)),
    (ValueError("text"), (DATA, MEDIUM, SKIP)),
    (KeyError("close"), (DATA, MEDIUM, SKIP)),
    (ZeroDivisionError("0"), (DATA, MEDIUM, SKIP)),
    (AttributeError("no such"), (LOGIC, HIGH, RESET)),
    (RuntimeError("what"), (LOGIC, HIGH, RESET)),
    (DeprecationWarning("old"), (SYSTEM, LOW, IGNORE)),
    (KeyboardInterrupt(), (SYSTEM, LOW, IGNORE)),
]


@pytest.mark.parametrize(("error", "expected"), TABLE, ids=lambda one: type(one).__name__)
def test_every_kind_has_its_place(error: BaseException, expected: tuple[str, str, str]) -> None:
    found = classify(error)

    assert (found.category, found.severity, found.action) == expected
    assert found.text.startswith(f"{type(error).__name__}: ")


def test_each_of_our_own_errors_is_in_the_table() -> None:
    def below(kind: type[Exception]) -> list[type[Exception]]:
        return [kind] + [one for sub in kind.__subclasses__() for one in below(sub)]

    bases = {errors.ArgusError, errors.VenueError}
    ours = [one for one in below(errors.ArgusError) if one.__module__ == "domain.errors"]
    assert {type(error) for error, _ in TABLE} >= set(ours) - bases


def test_what_was_sent_and_is_unknown_is_never_tried_again() -> None:
    assert classify(errors.Unknown("the answer was lost")).action == SKIP


def raised_while(handling: BaseException, error: BaseException) -> BaseException:
    """As if it had been raised in a handler."""
    error.__context__ = handling
    return error


def test_a_wrapped_error_is_still_what_it_was() -> None:
    """A wrapper of the type Exception used to hide what had happened, and everything looked alike."""
    refused = ConnectionError("refused")
    wrapped = raised_while(refused, Exception("could not fetch: refused"))
    twice = raised_while(wrapped, RuntimeError("no bars"))

    assert classify(wrapped) == Fault(NETWORK, HIGH, RETRY, "Exception: could not fetch: refused")
    assert classify(twice) == Fault(NETWORK, HIGH, RETRY, "RuntimeError: no bars")


def test_what_it_was_raised_from_counts_before_what_was_being_handled() -> None:
    wrapped = raised_while(ConnectionError("refused"), RuntimeError("no bars"))
    wrapped.__cause__ = errors.Halted("no trading")

    assert classify(wrapped).action == EMERGENCY


def test_a_mistake_in_handling_an_error_is_a_mistake() -> None:
    assert classify(raised_while(ConnectionError("refused"), AttributeError("no such thing"))).category == LOGIC


def test_what_was_put_aside_on_purpose_does_not_count() -> None:
    aside = raised_while(ConnectionError("refused"), RuntimeError("something else"))
    aside.__suppress_context__ = True

    assert classify(aside).category == LOGIC


def test_causes_that_run_in_a_circle_come_to_an_end() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one

    assert classify(one).action == RESET


def test_the_wait_doubles_up_to_its_cap() -> None:
    """A count that was always 0 used to make every wait the first one, for ever."""
    assert [backoff(n, jitter=1) for n in range(9)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff(10_000, jitter=1) == 60


@given(attempt=st.integers(0, 5000), jitter=st.floats(0, 1), base=st.floats(0.01, 10), cap=st.floats(1, 300))
def test_jitter_takes_up_to_half_of_the_wait(attempt: int, jitter: float, base: float, cap: float) -> None:
    whole = backoff(attempt, base, cap, jitter=1)

    assert whole / 2 <= backoff(attempt, base, cap, jitter=jitter) <= whole <= cap


@pytest.mark.parametrize(("attempt", "jitter"), [(-1, 0.5), (0, -0.1), (0, 1.1)])
def test_a_wait_that_makes_no_sense_is_refused(attempt: int, jitter: float) -> None:
    with pytest.raises(ValueError, match="must be 0 or more"):
        backoff(attempt, jitter=jitter)
