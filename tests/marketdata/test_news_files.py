"""Calendars from files and addresses: what is read, and that whatever is wrong is refused as a whole, by name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError
from domain.timeframe import iso
from marketdata import news
from marketdata.news import load, parse
from risk.news import FOREVER, Calendar, NewsEvent

RELEASE = {
    "title": "Non-Farm Employment Change",
    "country": "USD",
    "date": "2024-03-08T08:30:00-05:00",
    "impact": "High",
    "forecast": "198K",
    "previous": "353K",
}
AT = 1_709_904_600_000_000_000  # 2024-03-08T13:30Z
SINCE, UNTIL = "2024-03-08T00:00:00Z", "2024-03-09T00:00:00Z"
ADDRESS = "https://example.org/ff_calendar_thisweek.json"


def records(*changes: dict[str, Any]) -> bytes:
    return json.dumps([RELEASE | one for one in changes]).encode()


def of_json(*changes: dict[str, Any]) -> Calendar:
    return parse(records(*changes), csv_text=False)


def of_csv(text: str) -> Calendar:
    return parse(text.encode(), csv_text=True)


def refused(path: Path | str) -> str:
    with pytest.raises(ConfigError) as caught:
        load([str(path)])
    (problem,) = caught.value.problems
    assert problem.startswith(f"risk.news: {path}: ")
    assert problem.isprintable()
    assert len(problem) < 1_500
    return problem


def written(folder: Path, data: bytes | str, name: str = "news.json") -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


# -- what is read --------------------------------------------------------------------------------


def test_the_weekly_file_of_forexfactory() -> None:
    calendar = of_json(
        {},
        {"title": "OPEC", "country": "All", "impact": "Medium", "date": "2024-03-06T00:00:00+09:00"},
        {"title": "Bank Holiday", "country": "JPY", "impact": "Holiday", "date": "2024-03-11T00:00:00Z"},
        {"title": "Speech", "country": "eur", "impact": "LOW", "date": "2024-03-07T12:00:00Z"},
        {"title": "Vote", "country": "CHF", "impact": "Non-Economic", "date": "2024-03-07T12:00:00Z"},
    )

    assert [(one.currency, one.impact, one.title, iso(one.at)) for one in calendar.events] == [
        ("ALL", "medium", "OPEC", "2024-03-05T15:00:00Z"),
        ("EUR", "low", "Speech", "2024-03-07T12:00:00Z"),
        ("USD", "high", "Non-Farm Employment Change", "2024-03-08T13:30:00Z"),
    ]
    assert (iso(calendar.since), iso(calendar.until)) == ("2024-03-05T00:00:00Z", "2024-03-12T00:00:00Z")


def test_a_table_with_the_same_columns() -> None:
    lines = [
        "Impact,Date,Currency,Title,Forecast",
        'High,2024-03-08T13:30:00Z,USD,"NFP, revised",1',
        "",
        "low,2024-03-08T14:00Z,GBP,x",
    ]

    calendar = of_csv("\ufeff" + "\r\n".join(lines))

    assert calendar.events == (
        NewsEvent(AT, "USD", "high", "NFP, revised"),
        NewsEvent(AT + 1_800_000_000_000, "GBP", "low", "x"),
    )
    assert (iso(calendar.since), iso(calendar.until)) == (SINCE, UNTIL)


@pytest.mark.parametrize(
    ("declared", "since", "until"),
    [
        ({}, SINCE, UNTIL),
        ({"since": "2024-01-01", "until": "2024-12-31"}, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ({"until": "2024-03-08"}, SINCE, UNTIL),
        ({"since": "2024-02-29"}, "2024-02-29T00:00:00Z", UNTIL),
    ],
)
def test_a_calendar_may_declare_what_it_covers(declared: dict[str, str], since: str, until: str) -> None:
    calendar = parse(json.dumps({"events": [RELEASE], **declared}).encode(), csv_text=False)

    assert (iso(calendar.since), iso(calendar.until)) == (since, until)


def test_a_title_is_one_short_printable_line() -> None:
    calendar = of_json({"title": "\x1b[2J a\nb\u202e\x00 " + "x" * 10_000}, {"title": "\n", "country": "EUR"})

    assert [one.title for one in calendar.events] == ["untitled", ("[2J a b " + "x" * 100)[:80]]


def test_an_event_that_is_there_twice_is_one() -> None:
    assert len(of_json({}, {}, {"title": "another"}).events) == 2


def test_static_needs_no_file(tmp_path: Path) -> None:
    assert load(["static"]) == Calendar(static=True, until=FOREVER)

    both = load(["static", str(written(tmp_path, records({})))])
    assert (both.static, len(both.events), iso(both.until)) == (True, 1, UNTIL)


@pytest.mark.parametrize("name", ["news.json", "news.csv", "news.JSON", "news.CSV"])
@pytest.mark.parametrize("text", ["", " \n", "[]"])
def test_a_calendar_without_a_record_knows_nothing(tmp_path: Path, name: str, text: str) -> None:
    data = "title,country,date,impact\n" if "csv" in name.lower() and text else text

    assert load([str(written(tmp_path, data, name))]).empty
    assert load(["static", str(tmp_path / name)]).empty
    assert load([]).empty


def test_a_calendar_of_nothing_but_holidays_has_no_news() -> None:
    assert of_json({"impact": "Holiday"}).empty


# -- what is refused -----------------------------------------------------------------------------

DATES = "allowed: ISO 8601 with an offset"
BAD: list[tuple[dict[str, Any], str]] = [
    ({"date": "2024-03-08T08:30:00"}, DATES),  # whose clock?
    ({"date": "03-08-2024"}, DATES),
    ({"date": "2024-02-30T08:30:00Z"}, DATES),
    ({"date": "0001-01-01T00:00:00+14:00"}, DATES),
    ({"date": "9999-12-31T23:59:59-14:00"}, DATES),
    ({"date": "1969-12-31T23:59:59Z"}, DATES),
    ({"date": "2199-01-01T00:00:00Z"}, DATES),
    ({"date": ""}, DATES),
    ({"date": "tomorrow \x1b[31m" + "x" * 10_000}, DATES),
    ({"country": "US"}, "allowed: a currency as USD, or All"),
    ({"country": ""}, "allowed: a currency"),
    ({"country": "U$D"}, "allowed: a currency"),
    ({"country": "\uff35\uff33\uff24"}, "allowed: a currency"),
    ({"country": "x" * 10_000}, "allowed: a currency"),
    ({"impact": "Huge"}, "allowed: High, Medium, Low"),
    ({"impact": ""}, "allowed: High"),
]


@pytest.mark.parametrize(("changed", "why"), BAD)
def test_one_bad_record_refuses_the_whole_calendar(tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    problem = refused(written(tmp_path, records({}, changed)))

    assert "record 2: " in problem
    assert why in problem


@pytest.mark.parametrize(
    "data",
    [
        b"<html>429 Too Many Requests</html>",
        b"{",
        b"null",
        b"7",
        b'"static"',
        b"{}",
        b'{"events": null}',
        b'{"events": [], "until_": "2024-12-31"}',
        b'{"events": [], "\\u001b[31m' + b"x" * 10_000 + b'": 1}',
        b'[{"title": "x"}]',
        b'[{"title": "x", "country": "USD", "date": 1709904600, "impact": "High"}]',
        b'[{"title": null, "country": "USD", "date": "2024-03-08T08:30:00Z", "impact": "High"}]',
        b"[NaN]",
        b"\xff\xfe[\x00]\x00",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
        b"\x00" * 100,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'[{"\xc3\x28": 1}]',
    ],
)
def test_what_is_no_calendar_is_refused(tmp_path: Path, data: bytes) -> None:
    assert "not a calendar" in refused(written(tmp_path, data))


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n",
        "title,country,impact\nx,USD,High\n",
        "title,date,impact\nx,2024-03-08T08:30:00Z,High\n",
        'title,country,date,impact\n"x,USD,2024-03-08T08:30:00Z,High\n',
        'title,country,date,impact\n"x"y,USD,2024-03-08T08:30:00Z,High\n',
        "title,country,date,impact\n" + "x" * 200_000 + ",USD,2024-03-08T08:30:00Z,High\n",
        "\x00\x00",
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    assert "not a calendar" in refused(written(tmp_path, text, "news.csv"))


def test_a_row_that_is_too_short_is_refused(tmp_path: Path) -> None:
    assert "record 1: impact ''" in refused(written(tmp_path, "date,country,impact\n2024-03-08T08:30Z,USD\n", "n.csv"))


@pytest.mark.parametrize(
    "declared",
    [
        {"until": "soon"},
        {"since": "2024-13-01"},
        {"until": "9999-12-31"},
        {"until": "2024-03-07", "since": "2024-03-09"},
    ],
)
def test_a_declared_range_that_is_none_is_refused(tmp_path: Path, declared: dict[str, str]) -> None:
    problem = refused(written(tmp_path, json.dumps({"events": [RELEASE], **declared})))

    assert "allowed: a day as 2024-12-31" in problem or "ends before it begins" in problem


def test_many_bad_records_make_one_short_message(tmp_path: Path) -> None:
    problem = refused(written(tmp_path, records(*[{"impact": "?"}] * 1_000)))

    assert "record 1: " in problem
    assert "record 5: " in problem
    assert "record 6: " not in problem
    assert "and 995 more" in problem


def test_a_calendar_may_not_be_huge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, table = records({}, {}, {}), "date,country,impact\n" + "2024-03-08T08:30Z,USD,High\n" * 3

    monkeypatch.setattr(news, "MOST_EVENTS", 2)
    assert "more than 2 records" in refused(written(tmp_path, data))
    assert "more than 2 lines" in refused(written(tmp_path, table, "news.csv"))

    monkeypatch.setattr(news, "MOST_EVENTS", 3)
    assert load([str(written(tmp_path, data)), str(tmp_path / "news.csv")]).events

    monkeypatch.setattr(news, "MOST_BYTES", len(data) - 1)
    assert f"more than {len(data) - 1:,} bytes" in refused(tmp_path / "news.json")

    monkeypatch.setattr(news, "MOST_BYTES", len(data))
    assert load([str(tmp_path / "news.json")]).events


def test_files_that_cannot_be_read_are_named_together(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")  # opening it would wait for ever
    (tmp_path / "folder.json").mkdir()
    written(tmp_path, "{", "bad.json")

    with pytest.raises(ConfigError) as caught:
        load([str(tmp_path / name) for name in ("none.json", "pipe.json", "folder.json", "bad.json")])

    shown = "\n".join(caught.value.problems).replace(f"{tmp_path}/", "")
    assert "none.json: No such file or directory" in shown
    assert "pipe.json: no ordinary file" in shown
    assert "folder.json: no ordinary file" in shown
    assert "bad.json: not a calendar" in shown
    assert len(caught.value.problems) == 4


def test_a_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path, records({}))

    assert load(["~/news.json"]).events


def answer_to(data: bytes, csv_text: bool) -> Calendar | str:
    try:
        return parse(data, csv_text)
    except ValueError as error:
        return str(error)


@given(st.binary(max_size=400), st.booleans())
def test_bytes_of_any_kind_are_a_calendar_or_a_value_error(data: bytes, csv_text: bool) -> None:
    said = answer_to(data, csv_text)

    assert said.isprintable() if isinstance(said, str) else said.empty


@given(
    st.lists(
        st.fixed_dictionaries({name: st.text(max_size=30) for name in ("title", "country", "date", "impact")}),
        max_size=3,
    )
)
def test_records_of_any_kind_are_news_or_a_value_error(some: list[dict[str, str]]) -> None:
    for data, csv_text in ((json.dumps(some).encode(), False), (_table(some), True)):
        said = answer_to(data, csv_text)

        assert said.isprintable() if isinstance(said, str) else all(one.title.isprintable() for one in said.events)


def _table(some: list[dict[str, str]]) -> bytes:
    rows = [",".join(f'"{value}"' for value in one.values()) for one in some]
    return "\n".join(["title,country,date,impact", *rows]).encode()


# -- addresses -----------------------------------------------------------------------------------


class Slow(httpx.SyncByteStream):
    """Sends a little, again and again."""

    def __init__(self, parts: int = 10_000) -> None:
        self.parts, self.sent = parts, 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.parts):
            self.sent += 1
            yield b" " * 1_000


def fetched(answer: Any, address: str = ADDRESS) -> Calendar:
    def say(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "identity"
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, httpx.Response)
        return answer

    return load([address], httpx.MockTransport(say))


def test_an_address_is_read() -> None:
    assert fetched(httpx.Response(200, content=records({}))).events == (
        NewsEvent(AT, "USD", "high", "Non-Farm Employment Change"),
    )
    table = b"date,country,impact,title\n2024-03-08T13:30Z,USD,High,x\n"
    assert len(fetched(httpx.Response(200, content=table), "https://example.org/week.csv?v=2").events) == 1
    assert fetched(httpx.Response(200, content=b"")).empty


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (httpx.Response(404, content=records({})), "answered 404"),
        (httpx.Response(429), "answered 429"),
        (httpx.Response(302, headers={"location": "http://example.org/"}), "answered 302"),
        (httpx.Response(200, content=b"<html>"), "not a calendar"),
        (httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Slow(1)), "answered compressed"),
        (httpx.ConnectError("no route to \x1b[31mhost"), "cannot be read: ConnectError"),
        (httpx.ReadTimeout("late"), "cannot be read: ReadTimeout"),
        (httpx.RemoteProtocolError("cut"), "cannot be read: RemoteProtocolError"),
    ],
)
def test_an_address_that_does_not_give_a_calendar_is_refused(answer: Any, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fetched(answer, f"{ADDRESS}?key=secret")

    (problem,) = caught.value.problems
    assert problem.startswith(f"risk.news: {ADDRESS}: {why}")
    assert problem.isprintable()
    assert "secret" not in problem


def test_an_answer_may_not_be_huge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "MOST_BYTES", 5_000)
    endless = Slow()

    with pytest.raises(ConfigError, match="more than 5,000 bytes"):
        fetched(httpx.Response(200, stream=endless))
    assert endless.sent == 6  # it was left at the first byte too many


def test_an_answer_that_only_trickles_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 1.0, 16.0])
    monkeypatch.setattr(news.time, "monotonic", lambda: next(moments, 16.0))
    endless = Slow()

    with pytest.raises(ConfigError, match="not read within 15 s"):
        fetched(httpx.Response(200, stream=endless))
    assert endless.sent < 10


def test_a_real_connection_that_is_refused_is_a_problem_and_no_exception() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(["https://127.0.0.1:9/news.json"])
