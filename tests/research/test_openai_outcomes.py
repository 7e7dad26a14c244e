"""Every way in which an endpoint or a model fails has one outcome; none raises, none is an answer, none is late."""

from __future__ import annotations

import time

import pytest

from domain.research import LLM, OK, OUTCOMES
from research import openai_http
from tests.research.asking_desk import KEY, Opinion, a_model, a_task, ask, asked
from tests.research.wire import Wire, dead_port
from tests.research.wire_faults import FAULTS
from tests.research.wire_shapes import FINGERPRINT

EXPECTED = {
    # fault: outcome, requests on the wire with one retry allowed
    "ok": (OK, 1),
    "429": ("RATE_LIMITED", 2),
    "429-soon": ("RATE_LIMITED", 2),
    "429-later": ("RATE_LIMITED", 1),
    "429-never": ("RATE_LIMITED", 1),
    "429-quota": ("RATE_LIMITED", 1),
    "500": ("SERVER_ERROR", 2),
    "502-page": ("SERVER_ERROR", 2),
    "503": ("SERVER_ERROR", 2),
    "408": ("SERVER_ERROR", 2),
    "409": ("SERVER_ERROR", 2),
    "400": ("BAD_REQUEST", 1),
    "401": ("UNAUTHORISED", 1),
    "401-key": ("UNAUTHORISED", 1),
    "403": ("UNAUTHORISED", 1),
    "404": ("UNKNOWN_MODEL", 1),
    "422": ("BAD_REQUEST", 1),
    "302": ("BAD_REQUEST", 1),
    "no-schema": (OK, 2),
    "no-json": (OK, 3),
    "old-limit": (OK, 2),
    "no-temperature": (OK, 2),
    "no-seed": (OK, 2),
    "slow": (OK, 1),
    "hang": ("TIMEOUT", 1),
    "drip": ("TIMEOUT", 1),
    "cut": ("UNREACHABLE", 2),
    "drop": ("UNREACHABLE", 2),
    "page": ("NO_CHOICES", 1),
    "broken-wire": ("NO_CHOICES", 1),
    "no-body": ("NO_CHOICES", 1),
    "not-text": ("NO_CHOICES", 1),
    "list": ("NO_CHOICES", 1),
    "huge": ("SERVER_ERROR", 1),
    "compressed": ("SERVER_ERROR", 1),
    "no-choices": ("NO_CHOICES", 1),
    "null-choices": ("NO_CHOICES", 1),
    "no-message": ("NO_CHOICES", 1),
    "wrong-types": ("NO_CHOICES", 1),
    "no-usage": (OK, 1),
    "wrong-usage": (OK, 1),
    "key-in-fingerprint": (OK, 1),
    "refusal": ("REFUSAL", 1),
    "content-filter": ("CONTENT_FILTER", 1),
    "length": ("TRUNCATED", 1),
    "empty": ("EMPTY", 1),
    "null": ("EMPTY", 1),
    "tool": ("INVALID", 1),
    "fenced": (OK, 1),
    "think": (OK, 1),
    "think-unopened": (OK, 1),
    "think-endless": ("NOT_JSON", 2),
    "prose": (OK, 1),
    "only-prose": ("NOT_JSON", 2),
    "malformed": ("NOT_JSON", 2),
    "truncated": ("NOT_JSON", 2),
    "two": ("NOT_JSON", 2),
    "array": ("NOT_JSON", 2),
    "quoted": ("NOT_JSON", 2),
    "nan": ("NOT_JSON", 2),
    "infinity": ("NOT_JSON", 2),
    "five": ("INVALID", 2),
    "high": ("INVALID", 2),
    "unknown-evidence": ("UNKNOWN_EVIDENCE", 2),
    "twice": ("NOT_JSON", 2),
    "deep": ("NOT_JSON", 2),
    "more": ("INVALID", 2),
    "less": ("INVALID", 2),
    "key-in-answer": (OK, 1),
    "malformed-once": (OK, 2),
    "unknown-evidence-once": (OK, 2),
    "five-once": (OK, 2),
}
DEADLINES = {
    "429": 3.0,
    "500": 3.0,
    "502-page": 3.0,
    "408": 3.0,
    "409": 3.0,
    "cut": 3.0,
    "drop": 3.0,
    "hang": 0.3,
    "drip": 0.3,
}


def test_the_table_has_every_fault() -> None:
    assert set(EXPECTED) == set(FAULTS)
    assert {outcome for outcome, _ in EXPECTED.values()} <= set(OUTCOMES)


@pytest.mark.parametrize("fault", sorted(EXPECTED))
def test_every_fault_has_its_outcome(wire: Wire, fault: str) -> None:
    outcome, hits = EXPECTED[fault]

    answer = ask(wire, fault, within=DEADLINES.get(fault, 5.0))

    assert (answer.outcome, wire.hits) == (outcome, hits), answer.detail
    assert answer.tries == hits
    assert answer.source == LLM
    assert (answer.value is not None) == (outcome == OK)
    assert outcome == OK or answer.detail
    assert len(answer.detail) <= 300
    assert KEY not in repr(answer)


def test_a_good_answer_is_kept_whole(wire: Wire) -> None:
    answer = ask(wire)

    assert answer.value == Opinion(verdict="GO", p_win=0.6, size_factor=1.0, evidence=["E1"])
    assert answer.parsed == {"verdict": "GO", "p_win": 0.6, "size_factor": 1.0, "evidence": ["E1"]}
    assert answer.text.startswith('{"verdict"')
    assert (answer.mode, answer.fingerprint, answer.repaired) == ("json_schema", FINGERPRINT, False)
    assert answer.usage is not None
    assert not answer.usage.estimated
    assert answer.latency > 0


def test_without_a_key_and_a_base_url_nothing_is_asked() -> None:
    (answer,) = asked(a_model(key=None), a_task())

    assert (answer.outcome, answer.tries) == ("NO_KEY", 0)
    assert "ARGUS__RESEARCH__API_KEY" in answer.detail


def test_an_endpoint_of_ones_own_needs_no_key(wire: Wire) -> None:
    assert ask(wire, key=None).outcome == OK


def test_a_key_that_the_endpoint_does_not_take(wire: Wire) -> None:
    wire.key = "sk-another"

    assert ask(wire).outcome == "UNAUTHORISED"
    unkeyed = ask(wire, key=None)
    assert unkeyed.outcome == "UNAUTHORISED"
    assert "no key was sent" in unkeyed.detail


def test_a_model_that_the_endpoint_does_not_know(wire: Wire) -> None:
    wire.models = {"gpt-other"}

    answer = ask(wire)

    assert answer.outcome == "UNKNOWN_MODEL"
    assert "gpt-wire" in answer.detail


def test_nobody_listens() -> None:
    (answer,) = asked(a_model(base_url=f"http://127.0.0.1:{dead_port()}/v1", retries=0), a_task())

    assert (answer.outcome, answer.tries) == ("UNREACHABLE", 1)
    assert answer.usage is None  # nothing was sent, nothing is paid


@pytest.mark.parametrize("url", ["http://", "no url", "ftp://127.0.0.1/v1", "http://[::1", "http://127.0.0.1:99999/v1"])
def test_a_base_url_that_is_none(url: str) -> None:
    (answer,) = asked(a_model(base_url=url, retries=0), a_task())

    assert answer.outcome == "BAD_REQUEST"
    assert "research.base_url" in answer.detail


def test_what_the_layers_under_the_client_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that is none comes out of the client as a group of exceptions."""
    monkeypatch.setattr(openai_http, "sound", lambda base_url: base_url)

    (answer,) = asked(a_model(base_url="http://127.0.0.1:99999/v1", retries=0), a_task())

    assert answer.outcome == "UNREACHABLE"


def test_a_text_that_no_request_can_hold(wire: Wire) -> None:
    (answer,) = asked(a_model(wire), a_task(temperature=float("nan")))

    assert answer.outcome == "BAD_REQUEST"
    assert wire.hits == 0


@pytest.mark.parametrize("within", [0.0, -1.0])
def test_no_time_is_left(wire: Wire, within: float) -> None:
    assert ask(wire, within=within).outcome == "DEADLINE"
    assert wire.hits == 0


@pytest.mark.parametrize("error", [TypeError, KeyError, ZeroDivisionError, RecursionError, ValueError])
def test_a_check_that_trips_over_an_answer_refuses_it(wire: Wire, error: type[Exception]) -> None:
    def check(parsed: object) -> None:
        raise error("odd")

    (answer,) = asked(a_model(wire), a_task(check))

    assert answer.outcome == "INVALID"


def test_the_deadline_holds_for_a_body_that_never_ends(wire: Wire) -> None:
    """Each byte comes in time; the whole would take some fifteen seconds."""
    started = time.monotonic()

    answer = ask(wire, "drip", within=0.3)

    assert answer.outcome == "TIMEOUT"
    assert time.monotonic() - started < 3.0
