"""One channel's thread: order, patience, what is given up, and what it reports of itself."""

from __future__ import annotations

import threading
from typing import Any

from orchestration.alerts import worker as module
from orchestration.alerts.channels import Message
from orchestration.alerts.worker import MOST_WAITING, REPORT_AGAIN, TRIES, Limit, Worker
from tests.orchestration.alerts.receiver import wait

CRITICAL, INFO = "critical", "info"


class Channel:
    """A worker whose seconds go on by hand, over a channel that answers what it is told."""

    def __init__(self, rate: int = 1000, timeout: float = 5.0) -> None:
        self.seconds = 1000.0
        self.answer: str = ""
        self.got: list[Message] = []
        self.tries = 0
        self.held = threading.Event()
        self.held.set()
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.outcomes: dict[str, int] = {}
        self.worker = Worker("phone", self.deliver, rate, timeout, lambda: self.seconds, self.report, self.done)

    def deliver(self, message: Message) -> str:
        self.tries += 1
        answer = self.answer
        self.held.wait(30)
        if not answer:
            self.got.append(message)
        return answer

    def report(self, name: str, **facts: Any) -> None:
        self.reports.append((name, facts))

    def done(self, channel: str, outcome: str, count: int) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count

    def put(self, seq: int, severity: str = INFO) -> bool:
        return self.worker.put(seq, Message(f"title {seq}", f"text {seq}", severity))

    def titles(self) -> list[str]:
        return [one.title for one in self.got]


def test_messages_are_sent_in_their_order() -> None:
    channel = Channel()
    for seq in (1, 2, 3):
        channel.put(seq)
    channel.worker.start()
    wait(lambda: len(channel.got) == 3)

    assert channel.titles() == ["title 1", "title 2", "title 3"]
    assert channel.worker.unsent() == []


def test_critical_ones_go_first_and_together() -> None:
    channel = Channel()
    channel.put(1)
    channel.put(2, CRITICAL)
    channel.put(3, CRITICAL)
    channel.worker.start()
    wait(lambda: len(channel.got) == 2)

    assert channel.titles() == ["title 2 (and 1 more)", "title 1"]
    assert channel.got[0].text == "title 2\ntext 2\n\ntitle 3\ntext 3"
    assert channel.outcomes == {"sent": 3}


def test_beyond_the_limit_of_an_hour_only_critical_ones_are_taken() -> None:
    channel = Channel(rate=2)

    assert [channel.put(1), channel.put(2), channel.put(3), channel.put(4, CRITICAL)] == [True, True, False, True]
    channel.seconds += 1800
    assert [channel.put(5), channel.put(6)] == [True, False]


def test_the_limit_never_saves_up_more_than_an_hour() -> None:
    now = [0.0]
    limit = Limit(3, lambda: now[0])
    now[0] = 1e6
    assert [limit.take() for _ in range(4)] == [True, True, True, False]


def test_a_failure_is_tried_again_later_and_reported_once() -> None:
    channel = Channel()
    channel.answer = "it answered 500"
    channel.put(1, CRITICAL)
    channel.worker.start()
    wait(lambda: channel.reports)
    assert channel.reports == [("NOTIFY_FAILED", {"channel": "phone", "reason": "it answered 500", "attempts": 1})]
    assert channel.worker.unsent() == [1]
    assert channel.tries == 1

    for _ in range(6):
        before = channel.tries
        channel.seconds += 301
        wait(lambda before=before: channel.tries > before)  # type: ignore[misc]
    assert len(channel.reports) == 1

    channel.answer = ""
    channel.seconds += 301
    wait(lambda: channel.got)
    wait(lambda: len(channel.reports) == 2)
    assert channel.reports[1][0] == "NOTIFY_RECOVERED"
    assert channel.worker.unsent() == []


def test_a_channel_that_comes_and_goes_is_reported_once_an_hour() -> None:
    channel = Channel()
    channel.worker.start()
    for seq in range(1, 6):
        channel.answer = "no connection"
        channel.put(seq, CRITICAL)
        wait(lambda: channel.worker.unsent() and channel.outcomes.get("failed", 0) >= 1)
        channel.answer = ""
        channel.seconds += 301
        wait(lambda: not channel.worker.unsent())
    assert [name for name, _ in channel.reports] == ["NOTIFY_FAILED", "NOTIFY_RECOVERED"]

    channel.seconds += REPORT_AGAIN
    channel.answer = "no connection"
    channel.put(9, CRITICAL)
    wait(lambda: len(channel.reports) == 3)


def test_what_is_not_critical_is_given_up_after_some_tries() -> None:
    channel = Channel()
    channel.answer = "no"
    channel.put(1)
    channel.worker.start()
    for tries in range(1, TRIES + 1):
        wait(lambda tries=tries: channel.tries == tries)  # type: ignore[misc]
        wait(lambda tries=tries: channel.outcomes.get("failed") == tries)  # type: ignore[misc]
        channel.seconds += 301
    wait(lambda: channel.outcomes.get("lost") == 1)

    assert channel.worker.unsent() == []


def test_the_queue_is_bounded_and_critical_ones_stay_longest() -> None:
    channel = Channel(rate=3600)
    channel.put(1, CRITICAL)
    for seq in range(2, MOST_WAITING + 12):
        channel.put(seq)

    assert len(channel.worker.unsent()) == MOST_WAITING
    assert channel.worker.unsent()[0] == 1
    assert channel.outcomes == {"lost": 11}
    for seq in range(1000, 1000 + 2 * MOST_WAITING):
        channel.put(seq, CRITICAL)
    assert len(channel.worker.unsent()) == MOST_WAITING


def test_a_slow_one_is_not_sent_twice_when_it_was_taken_after_all() -> None:
    channel = Channel(timeout=0.1)
    channel.held.clear()
    channel.put(1, CRITICAL)
    channel.worker.start()
    wait(lambda: channel.reports)
    assert channel.reports[0][1]["reason"] == "no answer within 0.1 s"
    assert channel.worker.unsent() == [1]

    channel.held.set()
    wait(lambda: not channel.worker.unsent())
    channel.seconds += 1000
    channel.put(2, CRITICAL)
    wait(lambda: len(channel.got) == 2)
    assert channel.titles() == ["title 1", "title 2"]


def test_a_channel_that_hangs_for_ever_holds_few_threads(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "PAUSES", (0.0,))
    channel = Channel(timeout=0.02)
    channel.held.clear()
    channel.put(1, CRITICAL)
    channel.worker.start()
    wait(lambda: channel.outcomes.get("failed", 0) > 10)

    assert channel.tries == module.MOST_HANGING
    channel.held.set()


def test_at_the_end_what_can_be_sent_is_sent_and_nothing_is_waited_for_long() -> None:
    channel = Channel(timeout=30.0)
    channel.put(1)
    channel.put(2, CRITICAL)
    channel.worker.start()
    channel.worker.stop(10.0)
    assert len(channel.got) == 2

    stuck = Channel(timeout=30.0)
    stuck.held.clear()
    stuck.put(1, CRITICAL)
    stuck.worker.start()
    wait(lambda: stuck.tries == 1)
    stuck.worker.stop(0.1)
    assert stuck.worker.unsent() == [1]
    stuck.held.set()


def test_at_the_end_a_failing_channel_is_tried_once_more() -> None:
    channel = Channel()
    channel.answer = "no"
    channel.put(1, CRITICAL)
    channel.worker.start()
    wait(lambda: channel.outcomes.get("failed") == 1)
    channel.answer = ""
    channel.worker.stop(10.0)

    assert channel.titles() == ["title 1"]
