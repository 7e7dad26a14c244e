"""Sessions end, are renewed, and cannot be made by anybody else; codes are good once."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from api.security import ended, sessions
from api.security.client import OPERATOR, READ_ONLY
from api.security.depth import deeper
from api.security.limits import Buckets, Rate
from api.security.sessions import CODE_LIFE, CODES, LIFE, LONGEST, Codes, Session, Sessions


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(clock: Clock) -> Sessions:
    return Sessions(b"k" * 32, clock)


def test_a_cookie_is_its_session_also_for_a_server_that_starts_anew(made: Sessions, clock: Clock) -> None:
    begun = made.begin(OPERATOR)
    found = Sessions(b"k" * 32, clock).read(made.cookie(begun))

    assert found == begun
    assert made.holds(begun)


def test_a_session_ends_by_itself(made: Sessions, clock: Clock) -> None:
    begun = made.begin(OPERATOR)
    clock.now += LIFE

    assert not made.holds(begun)
    assert not made.alive(begun.id)


def test_it_is_renewed_past_half_of_its_life_and_not_for_ever(made: Sessions, clock: Clock) -> None:
    one = first = made.begin(READ_ONLY)
    assert made.renewed(one) is None
    renewals = 0
    for _ in range(2 * LONGEST // LIFE + 5):
        clock.now += LIFE // 2
        later = made.renewed(one) if made.holds(one) else None
        if later is not None:
            one, renewals = later, renewals + 1

    assert renewals > 10
    assert (one.id, one.role, one.begun) == (first.id, first.role, first.begun)
    assert one.expires == first.begun + LONGEST
    assert not made.holds(one)


def test_one_that_was_ended_holds_no_more_for_any_server_of_the_folder(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "ended"
    before, beside = Sessions(b"k" * 32, clock, file), Sessions(b"k" * 32, clock, file)
    one, other, third = (before.begin(OPERATOR) for _ in range(3))
    assert all(beside.holds(each) for each in (one, other, third))
    before.end(one.id)
    assert not beside.holds(one)
    assert not beside.alive(one.id)
    beside.end(other.id)

    after = Sessions(b"k" * 32, clock, file)
    for each in (before, beside, after):
        assert [each.holds(session) for session in (one, other, third)] == [False, False, True]
    after.end(third.id)
    assert not before.holds(third)
    assert not beside.holds(third)
    assert file.stat().st_mode & 0o077 == 0
    assert sorted(tmp_path.iterdir()) == [file]


def test_what_is_kept_of_an_end_lasts_as_long_as_its_cookies(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "ended"
    made = Sessions(b"k" * 32, clock, file)
    first = made.begin(OPERATOR)
    clock.now += LIFE // 2 + 1
    latest = made.renewed(first)
    assert latest is not None
    made.end(first.id)
    clock.now += LIFE - 1
    assert not Sessions(b"k" * 32, clock, file).holds(latest)
    clock.now += 1
    assert not made.holds(latest)
    made.end("another")

    assert [line.split()[0] for line in file.read_text().splitlines()] == ["another"]


def test_a_file_of_ends_that_is_not_one_ends_nothing(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "ended"
    file.write_bytes(b"\xff\xfe x\n\n a b c\nid\nid -5\nid 9e9\n")
    made = Sessions(b"k" * 32, clock, file)
    begun = made.begin(OPERATOR)
    assert made.holds(begun)
    made.end(begun.id)

    assert not Sessions(b"k" * 32, clock, file).holds(begun)


def test_an_end_that_cannot_be_kept_counts_here(clock: Clock, tmp_path: Path) -> None:
    made = Sessions(b"k" * 32, clock, tmp_path / "nowhere" / "ended")
    begun = made.begin(OPERATOR)
    with pytest.raises(OSError, match="nowhere"):
        made.end(begun.id)

    assert not made.holds(begun)


def test_one_that_was_ended_holds_no_more(made: Sessions) -> None:
    begun = made.begin(OPERATOR)
    made.end(begun.id)

    assert not made.holds(begun)
    assert not made.alive(begun.id)


def test_another_key_reads_nothing(made: Sessions, clock: Clock) -> None:
    assert Sessions(b"x" * 32, clock).read(made.cookie(made.begin(OPERATOR))) is None


def test_a_changed_cookie_is_none(made: Sessions) -> None:
    cookie = made.cookie(made.begin(READ_ONLY))
    head, _, tail = cookie.partition(".")
    body = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)).replace(b"read-only", b"operator")
    forged = base64.urlsafe_b64encode(body).decode().rstrip("=")

    for wrong in (f"{forged}.{tail}", head, f"{head}.", f".{tail}", f"{head}.{tail}.x", "", ".", "é.é", "a" * 5000):
        assert made.read(wrong) is None, wrong


def test_a_role_that_nobody_has_is_none(made: Sessions) -> None:
    assert made.read(made.cookie(Session("id", "root", 0, 2_000_000))) is None


def test_csrf_belongs_to_one_session(made: Sessions) -> None:
    one, other = made.begin(OPERATOR), made.begin(OPERATOR)

    assert made.csrf(one.id) == made.csrf(one.id)
    assert made.csrf(one.id) != made.csrf(other.id)


def test_what_is_remembered_is_bounded(made: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "REMEMBERED", 10)
    monkeypatch.setattr(ended, "MOST", 10)
    for _ in range(50):
        made.end(made.begin(OPERATOR).id)

    assert len(made._until) == len(made._ended._known) == 10


def test_a_code_is_good_once_and_for_its_role() -> None:
    codes = Codes(lambda: 0.0)
    code = codes.issue(READ_ONLY)

    assert codes.spend(code) == READ_ONLY
    assert codes.spend(code) is None
    assert codes.spend("unknown") is None


def test_a_code_grows_old() -> None:
    now = [0.0]
    codes = Codes(lambda: now[0])
    code = codes.issue(OPERATOR)
    now[0] = CODE_LIFE

    assert codes.spend(code) is None


def test_codes_are_bounded() -> None:
    codes = Codes(lambda: 0.0)
    every = [codes.issue(OPERATOR) for _ in range(CODES + 5)]

    assert [codes.spend(one) is not None for one in every] == [False] * 5 + [True] * CODES


def test_buckets_are_apart_by_kind_and_client_and_bounded() -> None:
    buckets = Buckets(kept=3)
    rate = Rate(1.0, 2)

    assert [buckets.take("a", "x", rate, 0.0) > 0 for _ in range(3)] == [False, False, True]
    assert buckets.take("a", "y", rate, 0.0) == 0
    assert buckets.take("b", "x", rate, 0.0) == 0
    assert buckets.take("a", "x", rate, 1.0) == 0
    for number in range(20):
        buckets.take("a", str(number), rate, 0.0)
    assert len(buckets._buckets) == 3


@pytest.mark.parametrize(
    ("body", "deep"),
    [
        (b"[" * 32 + b"]" * 32, False),
        (b"[" * 33 + b"]" * 33, True),
        (b'{"a":' * 33, True),
        (b'{"a":"' + b"[" * 500 + b'"}', False),
        (b'{"a":"\\"' + b"[" * 500 + b'"}', False),
        (b'["\\\\",' + b"[" * 40, True),
        (b'"' + b"[" * 500, False),
        (b"[]" * 500, False),
        (b"", False),
    ],
)
def test_how_deep_a_body_is(body: bytes, deep: bool) -> None:
    assert deeper(body, 32) is deep


def test_depth_is_found_in_time_that_grows_with_the_size() -> None:
    assert not deeper(b'"\\' * 500_000, 32)
    assert deeper(b"[" * 1_000_000, 32)
