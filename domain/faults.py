"""What kind of fault an error is, how bad, and what is done about it (design section 12).

| error | category | severity | action |
|---|---|---|---|
| StaleEpoch, AlreadyRunning | SYSTEM | CRITICAL | EMERGENCY |
| Halted | TRADING | CRITICAL | EMERGENCY |
| Unknown | TRADING | HIGH | SKIP |
| Refused | TRADING | LOW | SKIP |
| Unavailable | EXTERNAL | MEDIUM | RETRY |
| ActorLost, DatabaseAway | SYSTEM | HIGH | RETRY |
| DeadlineMissed | SYSTEM | MEDIUM | RETRY |
| InvalidTransition | LOGIC | HIGH | RESET |
| ConfigError | CONFIGURATION | CRITICAL | EMERGENCY |
| NotRunning | CONFIGURATION | LOW | SKIP |
| DatabaseBroken, a disk that is full, read-only or failing | SYSTEM | CRITICAL | EMERGENCY |
| MemoryError, PermissionError | SYSTEM | CRITICAL | EMERGENCY |
| ConnectionError | NETWORK | HIGH | RETRY |
| TimeoutError | NETWORK | MEDIUM | RETRY |
| any other OSError | SYSTEM | HIGH | RETRY |
| ValueError, LookupError, ArithmeticError | DATA | MEDIUM | SKIP |
| TypeError, AttributeError, NameError, AssertionError, NotImplementedError, RecursionError | LOGIC | HIGH | RESET |
| a warning; the end that somebody asked for (Ctrl-C, a cancelled task) | SYSTEM | LOW | IGNORE |
| any other: as the error that it was raised from, if that one is in the table, else | LOGIC | HIGH | RESET |
"""

from __future__ import annotations

import errno

import msgspec

from domain import errors

NETWORK = "NETWORK"
DATA = "DATA"
TRADING = "TRADING"
SYSTEM = "SYSTEM"
EXTERNAL = "EXTERNAL"
LOGIC = "LOGIC"
CONFIGURATION = "CONFIGURATION"

LOW = "LOW"
MEDIUM = "MEDIUM"
HIGH = "HIGH"
CRITICAL = "CRITICAL"

RETRY = "RETRY"
"""Nothing of it has happened, or doing it twice is doing it once: again, after ``backoff``."""
SKIP = "SKIP"
"""Go on without it. What was sent is never sent again: it is asked about."""
RESET = "RESET"
"""State cannot be trusted: the actor starts again from the database."""
EMERGENCY = "EMERGENCY"
"""Trading stops at once, until a person has looked. An engine whose epoch is over can write nothing any more, not
even that: it ends, and its successor trades on."""
IGNORE = "IGNORE"
"""No fault."""

WRECKED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""What the system says of a disk that takes no more."""

LONGEST = 60.0
"""Seconds between two tries, at most."""


class Fault(msgspec.Struct, frozen=True):
    """An error as those see it who decide what happens next."""

    category: str
    severity: str
    action: str
    text: str


_KINDS: tuple[tuple[tuple[type[BaseException], ...], tuple[str, str, str]], ...] = (
    ((errors.StaleEpoch, errors.AlreadyRunning), (SYSTEM, CRITICAL, EMERGENCY)),
    ((errors.Halted,), (TRADING, CRITICAL, EMERGENCY)),
    ((errors.Unknown,), (TRADING, HIGH, SKIP)),
    ((errors.Refused,), (TRADING, LOW, SKIP)),
    ((errors.Unavailable,), (EXTERNAL, MEDIUM, RETRY)),
    ((errors.ActorLost, errors.DatabaseAway), (SYSTEM, HIGH, RETRY)),
    ((errors.DeadlineMissed,), (SYSTEM, MEDIUM, RETRY)),
    ((errors.InvalidTransition,), (LOGIC, HIGH, RESET)),
    ((errors.ConfigError,), (CONFIGURATION, CRITICAL, EMERGENCY)),
    ((errors.NotRunning,), (CONFIGURATION, LOW, SKIP)),
    ((errors.DatabaseBroken, MemoryError, PermissionError), (SYSTEM, CRITICAL, EMERGENCY)),
    ((ConnectionError,), (NETWORK, HIGH, RETRY)),
    ((TimeoutError,), (NETWORK, MEDIUM, RETRY)),
    ((OSError,), (SYSTEM, HIGH, RETRY)),
    ((ValueError, LookupError, ArithmeticError), (DATA, MEDIUM, SKIP)),
    (
        (TypeError, AttributeError, NameError, AssertionError, NotImplementedError, RecursionError),
        (LOGIC, HIGH, RESET),
    ),
    ((Warning,), (SYSTEM, LOW, IGNORE)),
)
"""The first that fits counts."""

_ENDED = (SYSTEM, LOW, IGNORE)
_DISK = (SYSTEM, CRITICAL, EMERGENCY)
_OTHER = (LOGIC, HIGH, RESET)


def classify(error: BaseException) -> Fault:
    """What to do about it, by the type of the error or of the one it was raised from."""
    kind, seen = _kind(error), {id(error)}
    cause = _cause(error)
    while kind is None and cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        kind, cause = _kind(cause), _cause(cause)
    return Fault(*(kind or _OTHER), f"{type(error).__name__}: {error}")


def _kind(error: BaseException) -> tuple[str, str, str] | None:
    if not isinstance(error, Exception):
        return _ENDED
    if isinstance(error, OSError) and error.errno in WRECKED:
        return _DISK
    return next((meaning for kinds, meaning in _KINDS if isinstance(error, kinds)), None)


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def backoff(attempt: int, base: float = 0.5, cap: float = LONGEST, *, jitter: float) -> float:
    """Seconds to wait before the next try, after ``attempt`` tries beyond the first have failed: half of
    min(``cap``, ``base`` 2^attempt), and of the other half the share ``jitter`` (0 to 1), drawn by the caller
    so that those who failed together do not come back together."""
    if attempt < 0 or not 0 <= jitter <= 1:
        raise ValueError(f"attempt {attempt} must be 0 or more and jitter {jitter} between 0 and 1")
    doubled = base * 2.0 ** min(attempt, 64)
    return min(cap, doubled) * (1 + jitter) / 2
