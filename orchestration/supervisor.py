"""Asks every actor how it is, without ever waiting, and does what the policy decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from actors.base import Health
from orchestration.supervision import (
    DRIVER,
    HALT,
    QUIET,
    RESTART,
    STOP,
    Budget,
    Seen,
    decide,
    recent,
    settled,
)

EVERY = 2.0
"""Seconds between two questions to one actor."""
LOOK = 0.25
"""Seconds between two looks at what has been answered."""
AGAIN = 0.5
"""Seconds until an actor that was lost is asked again."""
BLINK = 1.0
"""Longest time, in seconds, that counts as waited between two looks: who was asleep itself blames nobody."""


class Actors(Protocol):
    """What the supervisor needs of the runtime."""

    def ask(self, name: str, method: str, *args: Any) -> Any: ...

    def answered(self, references: Sequence[Any]) -> list[bool]:
        """Which of them have been answered by now."""
        ...

    def outcome(self, name: str, reference: Any, within: float) -> Any:
        """The answer, or the error as a value."""
        ...

    def restart(self, name: str) -> None: ...


class Acts(Protocol):
    """What it does besides restarting. ``latch`` says whether it has been written down."""

    def alert(self, name: str, **facts: Any) -> None: ...

    def changed(self, actor: str, **facts: Any) -> None:
        """The health of an actor is another than before."""
        ...

    def latch(self, reason: str) -> bool: ...


class Watched:
    """One actor: the call that it owes an answer to, and what is known of it."""

    def __init__(self, name: str, health: Health, due: float) -> None:
        self.name, self.health, self.due = name, health, due
        self.pending: Any = None
        self.pid, self.ready_once = health.pid, health.ready
        self.lost = self.came_back = False
        self.waited = 0.0
        self.restarts: tuple[float, ...] = ()
        self.vain = 0
        self.given_up = ""
        self.told: tuple[str, int | None] = (self.state(False), self.pid)

    def state(self, hangs: bool) -> str:
        """In a word. ``hangs``: it owes an answer for longer than it may."""
        if self.lost or not self.pid or hangs:
            return "given_up" if self.given_up else "hangs" if self.pid and not self.lost else "lost"
        return "ready" if self.health.ready else "starting"

    def seen(self) -> Seen:
        return Seen(
            name=self.name,
            ready_once=self.ready_once,
            lost=self.lost,
            waited=self.waited,
            restarts=self.restarts,
            vain=self.vain,
            came_back=self.came_back,
            given_up=self.given_up,
        )


class Supervisor:
    """Calls are spread over their interval, and an actor owes one answer at most.

    ``first`` is what every actor said of itself when it was spawned.
    """

    def __init__(
        self, actors: Actors, first: Mapping[str, Health], budget: Budget, acts: Acts, clock: Callable[[], float]
    ) -> None:
        self._actors, self._budget, self._acts, self._clock = actors, budget, acts, clock
        self._looked = clock()
        step = EVERY / max(1, len(first))
        self._watched = {
            name: Watched(name, health, self._looked + step * place)
            for place, (name, health) in enumerate(first.items())
        }
        self._reset_in = -1

    def look(self) -> str | None:
        """Hear, judge and ask; why the run must end, else None."""
        now = self._clock()
        if now - self._looked < LOOK:
            return None
        passed, self._looked = min(now - self._looked, BLINK), now
        self._hear(now, passed)
        for one in self._watched.values():
            self._note(one)
            reason = self._judge(one, now)
            if reason is not None:
                return reason
            if one.pending is None and now >= one.due:
                one.pending, one.due = self._actors.ask(one.name, "health"), now + EVERY
        return None

    def health(self, name: str) -> Health:
        """What an actor said of itself last."""
        return self._watched[name].health

    def proven(self, *names: str) -> None:
        """What they have done says that they were ready."""
        for name in names:
            self._watched[name].ready_once = True

    def waited(self, name: str) -> float:
        """Seconds for which an actor has owed an answer."""
        return self._watched[name].waited

    def reset(self, reason: str) -> str | None:
        """The driver cannot trust its state: it begins again, from the database. Why the run must end if that has
        not helped before."""
        one = self._watched[DRIVER]
        cycle = int(one.health.detail.get("cycle", 0))
        if cycle == self._reset_in:
            return f"the driver failed twice after cycle {cycle}: {reason}"
        self._reset_in = cycle
        self._restart(one, "ACTOR_RESET", reason)
        return None

    def free(self, reason: str) -> None:
        """Kill a driver that has owed an answer for longer than it takes to give one: it may hold what others need."""
        one = self._watched[DRIVER]
        if one.waited >= EVERY:
            self._restart(one, "ACTOR_HANGS", reason)

    # -- inside ----------------------------------------------------------------------------------

    def _hear(self, now: float, passed: float) -> None:
        owing = [one for one in self._watched.values() if one.pending is not None]
        for one in self._watched.values():
            one.waited += passed if one.pending is not None or one.lost else 0.0
        for one, done in zip(owing, self._actors.answered([one.pending for one in owing]), strict=True):
            if not done:
                continue
            answer, one.pending = self._actors.outcome(one.name, one.pending, 1.0), None
            if isinstance(answer, Health):
                self._well(one, answer, now)
            else:
                one.lost, one.due = True, now + AGAIN

    def _well(self, one: Watched, health: Health, now: float) -> None:
        if one.pid and health.pid != one.pid:
            one.restarts, one.came_back = (*one.restarts, now), True
        one.pid, one.health, one.lost = health.pid, health, False
        one.ready_once = one.ready_once or health.ready
        one.waited, one.vain = 0.0, 0

    def _note(self, one: Watched) -> None:
        """Tell of a health that is another than before, or another process's."""
        state = one.state(one.waited >= self._budget.patience)
        pid = one.pid if state in ("ready", "starting", "hangs") else None
        if (state, pid) == one.told:
            return
        one.told = (state, pid)
        said, restarts = one.health, len(one.restarts)
        self._acts.changed(one.name, state=state, pid=pid, restarts=restarts, waiting=said.waiting, detail=said.detail)

    def _judge(self, one: Watched, now: float) -> str | None:
        one.restarts = recent(one.restarts, self._budget.window, now)
        if one.given_up and settled(one.seen(), self._budget, now):
            one.given_up = ""
        found = decide(one.seen(), self._budget, now)
        if found == QUIET:
            return None
        if found.action == HALT and not self._acts.latch(found.reason):
            return None  # not written down yet: decided again at the next look
        if found.action == RESTART:
            self._restart(one, found.alert, found.reason)
            return None
        self._tell(one, found.alert, found.reason)
        if found.alert != "ACTOR_RESTARTED":
            one.given_up = found.action
        one.came_back = False
        return found.reason if found.action == STOP else None

    def _restart(self, one: Watched, alert: str, reason: str) -> None:
        now = self._clock()
        one.restarts, one.vain = (*one.restarts, now), one.vain + 1
        one.pending, one.pid, one.waited, one.due = None, 0, 0.0, now + AGAIN
        self._tell(one, alert, reason)
        self._actors.restart(one.name)

    def _tell(self, one: Watched, alert: str, reason: str) -> None:
        self._acts.alert(alert, actor=one.name, reason=reason, restarts=len(one.restarts))
