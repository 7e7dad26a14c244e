"""One channel's own thread: it sends in order, critical ones together and first, tries again, and delays nobody."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from orchestration.alerts.channels import MOST_HANGING, Attempt, Deliver, Message
from orchestration.alerts.terms import CRITICAL

MOST_WAITING = 200
"""Messages that wait for one channel; beyond it the oldest that is not critical is given up, then the oldest."""
TOGETHER = 20
"""Critical messages that are sent as one."""
TRIES = 3
"""How often a message that is not critical is tried."""
PAUSES = (5.0, 15.0, 60.0, 300.0)
"""Seconds after the first, second, … failure in a row; the last one from then on."""
REPORT_AGAIN = 3600.0
"""Seconds until a channel that still fails is reported again."""
HOUR = 3600.0

Report = Callable[..., Any]
"""Hears ``(alert, **facts)``."""


class Waiting(msgspec.Struct, eq=False):
    """A message for this channel; ``seq`` is its event's, 0 if there is none."""

    seq: int
    message: Message
    tries: int = 0


class Limit:
    """So many messages an hour, all of them at once after an hour of silence."""

    def __init__(self, per_hour: int, ticks: Callable[[], float]) -> None:
        self._most, self._ticks = float(per_hour), ticks
        self._left, self._at = float(per_hour), ticks()

    def take(self) -> bool:
        now = self._ticks()
        self._left = min(self._most, self._left + (now - self._at) * self._most / HOUR)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Worker:
    """``done`` is called after every message that was delivered or given up: (channel, outcome, how many)."""

    def __init__(
        self,
        name: str,
        deliver: Deliver,
        per_hour: int,
        timeout: float,
        ticks: Callable[[], float],
        report: Report,
        done: Callable[[str, str, int], None],
    ) -> None:
        self.name = name
        self._deliver, self._timeout, self._ticks = deliver, timeout, ticks
        self._report, self._done = report, done
        self._limit = Limit(per_hour, ticks)
        self._lock = threading.Condition()
        self._queue: deque[Waiting] = deque()
        self._sending: list[Waiting] = []
        self._hanging: list[tuple[Attempt, list[Waiting]]] = []
        self._failed, self._next = 0, 0.0
        self._reported, self._told = -REPORT_AGAIN, False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"alerts {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, seq: int, message: Message, counted: bool = True) -> bool:
        """Whether it will be sent: beyond the limit of an hour only what is critical, or not ``counted``."""
        if counted and message.severity != CRITICAL and not self._limit.take():
            return False
        with self._lock:
            self._queue.append(Waiting(seq, message))
            if len(self._queue) > MOST_WAITING:
                self._give_up()
            self._lock.notify()
        return True

    def unsent(self) -> list[int]:
        """Events whose message has neither been delivered nor been given up."""
        with self._lock:
            return sorted({one.seq for one in (*self._queue, *self._sending) if one.seq})

    def stop(self, within: float) -> None:
        """Send what can be sent in that time."""
        with self._lock:
            self._stopping = True
            self._next = 0.0
            self._lock.notify()
        self._thread.join(within)

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._due():
                    if self._stopping and (not self._queue or self._next > self._ticks()):
                        return
                    self._lock.wait(self._pause())
                self._sending = self._take()
            self._send(self._sending)

    def _due(self) -> bool:
        self._heard_late()
        return bool(self._queue) and self._ticks() >= self._next

    def _pause(self) -> float | None:
        if not self._queue:
            return 1.0 if self._hanging else None
        return min(1.0, max(0.01, self._next - self._ticks()))

    def _take(self) -> list[Waiting]:
        """The critical ones together, else the oldest."""
        critical = [one for one in self._queue if one.message.severity == CRITICAL][:TOGETHER]
        taken = critical or [self._queue[0]]
        for one in taken:
            self._queue.remove(one)
        return taken

    def _send(self, taken: list[Waiting]) -> None:
        if len(self._hanging) >= MOST_HANGING:
            why: str | None = f"{MOST_HANGING} attempts hang"
        else:
            attempt = Attempt(self._deliver, joined([one.message for one in taken]))
            why = attempt.wait(self._timeout)
            if why is None:
                self._hanging.append((attempt, taken))
                why = f"no answer within {self._timeout:g} s"
        if why:
            self._failure(taken, why)
        else:
            self._success(taken)

    def _success(self, taken: list[Waiting]) -> None:
        before, self._failed, self._next = self._failed, 0, 0.0
        with self._lock:
            self._sending = []
        self._done(self.name, "sent", len(taken))
        if self._told:
            self._told = False
            self._report("NOTIFY_RECOVERED", channel=self.name, attempts=before)

    def _failure(self, taken: list[Waiting], why: str) -> None:
        self._failed += 1
        now = self._ticks()
        self._next = now + PAUSES[min(self._failed, len(PAUSES)) - 1]
        lost = 0
        with self._lock:
            for one in reversed(taken):
                one.tries += 1
                if one.message.severity == CRITICAL or one.tries < TRIES:
                    self._queue.appendleft(one)
                else:
                    lost += 1
            self._sending = []
        self._done(self.name, "failed", 1)
        if lost:
            self._done(self.name, "lost", lost)
        if now - self._reported >= REPORT_AGAIN:
            self._reported, self._told = now, True
            self._report("NOTIFY_FAILED", channel=self.name, reason=why, attempts=self._failed)

    def _heard_late(self) -> None:
        """An attempt that took longer than it may has been answered meanwhile: what it took is not sent again."""
        for attempt, taken in [one for one in self._hanging if one[0].known]:
            self._hanging.remove((attempt, taken))
            if attempt.wait(0.0) == "":
                waiting = [one for one in taken if one in self._queue]
                for one in waiting:
                    self._queue.remove(one)
                self._done(self.name, "sent", len(waiting))

    def _give_up(self) -> None:
        """Make room, under the lock."""
        found = next((one for one in self._queue if one.message.severity != CRITICAL), self._queue[0])
        self._queue.remove(found)
        self._done(self.name, "lost", 1)


def joined(messages: list[Message]) -> Message:
    """Several as one."""
    if len(messages) == 1:
        return messages[0]
    first = messages[0]
    lines = [f"{one.title}\n{one.text}" for one in messages]
    return Message(f"{first.title} (and {len(messages) - 1} more)", "\n\n".join(lines), first.severity)
