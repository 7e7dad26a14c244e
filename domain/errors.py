"""The tree of errors, named by what the caller can do about it.

ArgusError
├── ConfigError            configuration or data is wrong; stop before trading
├── InvalidTransition      a bug in this program; the actor restarts clean
├── StaleEpoch             another engine has started; this one must stop
├── AlreadyRunning         another engine holds the lease of this database
├── NotRunning             a command needs a running engine and there is none
├── ActorLost              an actor died or could not be reached
├── DeadlineMissed         an actor did not answer in time; the call may still succeed
├── DatabaseAway           the database did not answer; read before acting again
├── DatabaseBroken         the database is full, read-only or damaged; a person must look
└── VenueError
    ├── Unavailable        nothing was sent; safe to try again
    ├── Refused            the venue said no, with its code; becomes REJECTED
    ├── Unknown            sent, answer lost; reconcile before acting again
    └── Halted             the venue or account does not allow trading; a person must look

Every error is built from positional arguments only, so that it survives pickling between processes.
"""

from __future__ import annotations


class ArgusError(Exception):
    """Whatever Argus raises on purpose."""


class ConfigError(ArgusError):
    """Configuration or data is wrong. Carries every problem found, one line each."""

    def __init__(self, problems: list[str] | tuple[str, ...] | str) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class InvalidTransition(ArgusError):
    """A step that the table of steps does not have."""

    def __init__(self, subject: str, start: str, finish: str, story: tuple[str, ...] = ()) -> None:
        self.subject, self.start, self.finish, self.story = subject, start, finish, tuple(story)
        super().__init__(subject, start, finish, self.story)

    def __str__(self) -> str:
        return f"{self.subject}: {self.start} -> {self.finish} is not a step; so far: {' '.join(self.story) or '-'}"


class StaleEpoch(ArgusError):
    """A newer engine holds the epoch: this process may neither write nor send."""


class AlreadyRunning(ArgusError):
    """Another living engine holds the lease of this database."""


class NotRunning(ArgusError):
    """The command needs a running engine."""


class ActorLost(ArgusError):
    """The actor died, is restarting or cannot be reached; what it was doing is unknown."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(name, why)

    def __str__(self) -> str:
        return f"{self.name} is lost: {self.why}"


class DeadlineMissed(ArgusError):
    """No answer in time. The call may still succeed: treat as unknown."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name, self.seconds = name, seconds
        super().__init__(name, seconds)

    def __str__(self) -> str:
        return f"{self.name} did not answer within {self.seconds:g} s"


class DatabaseAway(ArgusError):
    """The database could not be reached, was busy for too long, or was lost during a commit.

    Whether the transaction happened is unknown: read before acting again.
    """


class DatabaseBroken(ArgusError):
    """The database is full, read-only or damaged: nothing was written, and a person must look."""


class VenueError(ArgusError):
    """What a venue can answer besides yes. ``code`` is the venue's own, kept as it was."""

    def __init__(self, what: str, code: str = "") -> None:
        self.what, self.code = what, code
        super().__init__(what, code)

    def __str__(self) -> str:
        return f"{self.what} [{self.code}]" if self.code else self.what


class Unavailable(VenueError):
    """Nothing was sent; safe to try again."""


class Refused(VenueError):
    """The venue said no; final."""


class Unknown(VenueError):
    """Sent, and the answer was lost: never sent again, never taken for no."""


class Halted(VenueError):
    """The venue or the account does not allow trading; a person must look."""
