"""What is done about an actor that dies or hangs: a policy of values in and decisions out (design sections 12, 19)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

DRIVER = "InstitutionalStrategy"
GATE, EXECUTOR = "RiskManager", "Executor"

NOTHING = "NOTHING"
ALERT = "ALERT"
"""Somebody should hear of it."""
RESTART = "RESTART"
"""Kill it where it hangs; it comes back."""
HALT = "HALT"
"""The kill switch: no new risk until a person has looked."""
STOP = "STOP"
"""End the run."""

VAIN = 2
"""An actor that was killed so often and was not heard since does not come back by itself."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """So many restarts of one actor within ``window`` seconds; ``patience``: seconds that an answer may take."""

    restarts: int = 5
    window: float = 60.0
    patience: float = 15.0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One actor as the supervisor knows it. Seconds, on a clock that never goes back.

    ``waited``: the age of its oldest unanswered call. ``restarts``: when it was seen to be another process than
    before, or was killed. ``vain``: how often it was killed since it was last heard. ``came_back``: it is another
    process than before, and nobody has been told. ``given_up``: what was decided when its budget was used up.
    """

    name: str
    ready_once: bool = True
    lost: bool = False
    waited: float = 0.0
    restarts: tuple[float, ...] = ()
    vain: int = 0
    came_back: bool = False
    given_up: str = ""


class Decision(msgspec.Struct, frozen=True):
    """What to do, under which name it is told, and why."""

    action: str
    alert: str = ""
    reason: str = ""


QUIET = Decision(NOTHING)


def duty(name: str) -> str:
    """What happens beyond its budget: HALT without gate, executor or venue, STOP without the driver, and for any
    other an ALERT: what it does is missing, and everything else goes on."""
    if name in (GATE, EXECUTOR) or name.startswith("VenueGateway:"):
        return HALT
    return STOP if name == DRIVER else ALERT


def recent(restarts: Sequence[float], window: float, now: float) -> tuple[float, ...]:
    return tuple(one for one in restarts if now - one < window)


def decide(seen: Seen, budget: Budget, now: float) -> Decision:
    """The one thing to do about this actor now."""
    hangs = seen.waited >= budget.patience
    if not seen.ready_once and (seen.lost or hangs):
        return Decision(STOP, "ACTOR_FAILED", f"{seen.name} failed before it was ready")
    count = len(recent(seen.restarts, budget.window, now))
    beyond = count > budget.restarts or (hangs and (count >= budget.restarts or seen.vain >= VAIN))
    how = f"{count} restarts within {budget.window:g} s" if seen.vain < VAIN else f"killed {seen.vain} times in vain"
    if beyond and not seen.given_up:
        what = {HALT: "HALTED_BY_SUPERVISOR", STOP: "STOPPED_BY_SUPERVISOR", ALERT: "ACTOR_GIVEN_UP"}[duty(seen.name)]
        return Decision(duty(seen.name), what, f"{seen.name}: {how}")
    if hangs and seen.given_up == HALT:
        return Decision(STOP, "STOPPED_BY_SUPERVISOR", f"{seen.name} cannot be had ({how}): the kill switch is latched")
    if hangs and not seen.given_up:
        return Decision(RESTART, "ACTOR_HANGS", f"no answer for {seen.waited:.0f} s")
    if seen.came_back:
        return Decision(ALERT, "ACTOR_RESTARTED", "it died, and came back")
    return QUIET


def settled(seen: Seen, budget: Budget, now: float) -> bool:
    """Whether an actor that was given up is as good as new: heard, and not restarted for a whole window."""
    return seen.waited < budget.patience and not recent(seen.restarts, budget.window, now)
