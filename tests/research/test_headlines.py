from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.timeframe import DAY, HOUR, MINUTE, iso
from marketdata.news import load
from research import feeds
from research.feeds import MOST_BYTES, MOST_ITEMS, Item, items, read_file, read_web
from research.headlines import Headlines, Read, Source, sources
from tests.factories import T
from tests.research.injections import INJECTIONS

ADDRESS = "https://example.org/rss.xml"


def rss(*entries: tuple[str, str], extra: str = "") -> bytes:
    made = "".join(f"<item><title>{title}</title><pubDate>{date}</pubDate>{extra}</item>" for title, date in entries)
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>{made}</channel></rss>'.encode()


def listed(*entries: dict[str, object]) -> bytes:
    return json.dumps([{"title": "ECB raises rates", "date": iso(T - HOUR)} | one for one in entries]).encode()


def a_source(**changed: object) -> Source:
    return Source(**{"name": "wire", "address": ADDRESS, "trust": 0.8} | changed)  # type: ignore[arg-type]


def served(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    return httpx.MockTransport(answer)


def brought(data: bytes, now: int = T, **changed: object) -> Read:
    transport = served(lambda _: httpx.Response(200, content=data))
    return Headlines([a_source(**changed)], 24.0, transport).read(now)


# -- documents -------------------------------------------------------------------------------------


def test_rss_is_read() -> None:
    (one,) = items(
        rss(("Rates &amp; bonds", "Tue, 02 Jan 2024 11:00:00 +0000"), extra="<description>D</description><x>y</x>")
    )

    assert one == Item(title="Rates & bonds", summary="D", published_at=T - HOUR)


def test_rdf_with_a_dublin_core_date_is_read() -> None:
    data = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        b'xmlns:dc="http://purl.org/dc/elements/1.1/"><item><title>T</title>'
        b"<dc:date>2024-01-02T11:00:00Z</dc:date></item></rdf:RDF>"
    )

    assert items(data) == (Item(title="T", published_at=T - HOUR),)


def test_atom_is_read_and_is_as_old_as_its_publication() -> None:
    data = (
        b'<feed xmlns="http://www.w3.org/2005/Atom"><title>f</title>'
        b'<entry><title type="html">&lt;b&gt;T&lt;/b&gt;</title>'
        b"<updated>2024-01-02T12:00:00Z</updated><published>2024-01-02T11:00:00Z</published>"
        b'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">in <b>parts</b></div></content>'
        b"</entry></feed>"
    )

    assert items(data) == (Item(title="<b>T</b>", summary="in parts", published_at=T - HOUR),)


def test_json_is_read_as_a_feed_and_as_a_list() -> None:
    entry = {"title": "T", "content_text": "S", "date_published": "2024-01-02T12:00:00+01:00", "currencies": ["USD"]}
    expected = (Item(title="T", summary="S", published_at=T - HOUR, currencies=("USD",)),)

    assert items(json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [entry]}).encode()) == expected
    assert items(b"\xef\xbb\xbf" + json.dumps([entry]).encode()) == expected
    assert items(b"  ") == ()


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "2024-01-02",
        "2024-01-02T11:00:00",
        "Tue, 02 Jan 2024 11:00:00",
        "9999-01-01T00:00:00Z",
        "0",
        "x" * 999,
    ],
)
def test_a_date_without_an_offset_is_no_date(date: str) -> None:
    assert items(rss(("T", date)))[0].published_at is None
    assert items(json.dumps([{"title": "T", "date": date}]).encode())[0].published_at is None


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<rss><channel><item><title>&b;</title></item></channel></rss>"
)


@pytest.mark.parametrize(
    "data",
    [
        BOMB,
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><item><title>&x;</title></item></rss>',
        b'<!DOCTYPE r [<!ENTITY % x SYSTEM "http://203.0.113.1/evil.dtd">%x;]><rss><item/></rss>',
        b'<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://example.org/rss.dtd"><rss/>',
        b"<rss><item><title>&undefined;</title></item></rss>",
        b"<rss><item><title>T</title>",
        b"<html><body><p>blocked</body></html>",
        b"\x00\x01\x02",
        b"not a feed",
        b'{"items": 7}',
        b'{"items": [{"title": 7}]}',
        b"[" * 100_000,
        b'<?xml version="1.0" encoding="no-such"?><rss/>',
        b"<a>" * 100,
        b"<a>" * 5_000 + b"</a>" * 5_000,
    ],
)
def test_what_is_no_feed_is_refused_and_nothing_outside_of_it_is_read(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no feed|document type|elements more than") as caught:
        items(data)

    assert len(str(caught.value)) < 300
    assert "root:" not in str(caught.value)


@given(st.binary(max_size=200))
def test_whatever_comes_is_items_or_refused(data: bytes) -> None:
    for document in (data, b"<rss><item><title>" + data + b"</title></item></rss>"):
        with contextlib.suppress(ValueError):
            assert isinstance(items(document), tuple)


def test_a_document_is_read_up_to_a_number_of_items_and_characters() -> None:
    assert len(items(rss(("T" * 20_000, "")))[0].title) == feeds.MOST_TEXT
    assert len(items(rss(*(("T", "") for _ in range(MOST_ITEMS + 5))))) == MOST_ITEMS
    assert len(items(listed(*({"title": str(i)} for i in range(MOST_ITEMS + 5))))) == MOST_ITEMS


# -- where it comes from ---------------------------------------------------------------------------


def test_a_redirect_is_followed_where_it_keeps_the_scheme() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/new":
            return httpx.Response(200, content=b"here")
        return httpx.Response(301, headers={"location": "/new"})

    assert read_web(ADDRESS, served(answer)) == b"here"


@pytest.mark.parametrize(
    "location",
    [
        "http://example.org/plain",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "javascript:alert(1)",
        "",
        "https://127.0.0.1/admin",
        "https://localhost/admin",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://printer.local/",
    ],
)
def test_a_redirect_to_another_scheme_or_into_a_private_network_is_not(location: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"location": location})

    with pytest.raises(ValueError, match=r"redirect|InvalidURL"):
        read_web(ADDRESS, served(answer))
    assert asked == [ADDRESS]


def test_redirects_end() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"location": "/again"})

    with pytest.raises(ValueError, match="more than 3 redirects"):
        read_web(ADDRESS, served(answer))
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (httpx.Response(500), "answered 500"),
        (httpx.Response(404), "answered 404"),
        (httpx.Response(200, content=b"x" * (MOST_BYTES + 1)), "more than 2,097,152 bytes"),
        (httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"x")), "compressed"),
    ],
)
def test_an_answer_that_is_none_is_refused(answer: httpx.Response, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_web(ADDRESS, served(lambda _: answer))


@pytest.mark.parametrize("error", [httpx.ConnectError("key=secret"), httpx.ReadTimeout("slow"), httpx.InvalidURL("x")])
def test_an_address_that_cannot_be_reached_is_a_value_error_without_its_words(error: Exception) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ValueError, match=f"cannot be read: {type(error).__name__}$"):
        read_web(ADDRESS, served(answer))


def test_a_body_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 4))
    monkeypatch.setattr(feeds.time, "monotonic", lambda: float(next(clock)))

    class Dripping(httpx.SyncByteStream):
        def __iter__(self):  # type: ignore[no-untyped-def]
            for _ in range(1_000):
                yield b"x"

    with pytest.raises(ValueError, match="not read within 10 s"):
        read_web(ADDRESS, served(lambda _: httpx.Response(200, stream=Dripping())))


def test_a_file_is_read_if_it_is_one_and_not_too_large(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"<rss/>")
    (tmp_path / "large.xml").write_bytes(b" " * (MOST_BYTES + 1))

    assert read_file(str(tmp_path / "a.xml")) == b"<rss/>"
    with pytest.raises(ValueError, match="no ordinary file"):
        read_file(str(tmp_path))
    with pytest.raises(ValueError, match="more than"):
        read_file(str(tmp_path / "large.xml"))


# -- sources ---------------------------------------------------------------------------------------


def test_sources_are_named_with_their_trust() -> None:
    found = sources(
        ["0.8 fx https://example.org/rss.xml?a=b USD,EUR", "1 own ./news.json", "0 low http://127.0.0.1:81/x"]
    )

    assert found[0] == Source(
        name="fx", address="https://example.org/rss.xml?a=b", trust=0.8, currencies=("USD", "EUR")
    )
    assert [one.web for one in found] == [True, False, True]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://example.org/rss.xml",
        "0.8 fx",
        "high fx https://example.org/x",
        "nan fx https://example.org/x",
        "1.1 fx https://example.org/x",
        "-1 fx https://example.org/x",
        "0.8 f/x https://example.org/x",
        "0.8 fx http://example.org/x",
        "0.8 fx http://127.0.0.1.example.org/x",
        "0.8 fx http://localhost@example.org/x",
        "0.8 fx https://user:key@example.org/x",
        "0.8 fx ftp://example.org/x.xml",
        "0.8 fx file:///etc/x.xml",
        "0.8 fx /etc/passwd",
        "0.8 fx https://example.org/x usd",
        "0.8 fx https://example.org/x USD EUR",
    ],
)
def test_a_source_that_is_none_is_refused_saying_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: TRUST NAME ADDRESS"):
        sources([text])


def test_two_sources_of_one_name_are_refused_and_too_many() -> None:
    with pytest.raises(ValueError, match="one name"):
        sources(["1 a ./a.xml", "1 a ./b.xml"])
    with pytest.raises(ValueError, match="at most"):
        sources([f"1 s{i} ./{i}.xml" for i in range(17)])


# -- hygiene ---------------------------------------------------------------------------------------


def test_a_headline_is_clean_dated_and_of_its_source() -> None:
    found = brought(listed({"title": "<b>ECB</b> raises\u200b rates ", "summary": "By 25 bp."}), currencies=("EUR",))
    (one,) = found.headlines

    assert (one.title, one.summary, one.source, one.trust) == ("ECB raises rates", "By 25 bp.", "wire", 0.8)
    assert (one.published_at, one.seen_at, one.currencies) == (T - HOUR, T, ("EUR",))
    assert found.refused == {}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"date": ""}, "undated"),
        ({"date": iso(T + 1_000)}, "future"),
        ({"date": iso(T - DAY - 1_000)}, "stale"),
        ({"title": "\u200b <b></b>"}, "empty"),
        ({"title": "!!!"}, "empty"),
    ],
)
def test_a_text_that_may_not_go_on_is_counted(entry: dict[str, object], why: str) -> None:
    found = brought(listed(entry))

    assert found.headlines == ()
    assert found.refused == {why: 1}


def test_at_its_edges_a_date_is_good() -> None:
    assert len(brought(listed({"date": iso(T)})).headlines) == 1
    assert len(brought(listed({"date": iso(T - DAY)})).headlines) == 1


def test_equal_texts_count_once_that_of_the_most_trusted_source() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        title = "ECB raises rates" if request.url.path == "/a" else "\u0415CB RA\u0406SES rates!"
        return httpx.Response(
            200, content=listed({"title": title, "date": iso(T - (2 if "a" in str(request.url) else 1) * HOUR)})
        )

    low = a_source(name="low", address="https://one.test/a", trust=0.2)
    high = a_source(name="high", address="https://one.test/b", trust=0.9)
    found = Headlines([low, high], 24.0, served(answer)).read(T)

    assert [one.source for one in found.headlines] == ["high"]
    assert found.refused == {"duplicate": 1}
    assert Headlines([high, low], 24.0, served(answer)).read(T).headlines == found.headlines


def test_newest_first_and_not_too_many() -> None:
    found = brought(listed(*({"title": f"text {i}", "date": iso(T - i * 1_000_000_000)} for i in range(80))))

    assert [one.title for one in found.headlines[:2]] == ["text 0", "text 1"]
    assert len(found.headlines) == 50


def test_what_looks_like_an_instruction_is_not_trusted() -> None:
    for one in INJECTIONS:
        for headline in brought(listed({"title": one.text})).headlines:
            assert len(headline.title) <= 200
            if one.name in ("plain", "base64", "cyrillic", "zero width", "entities", "system turn", "chinese"):
                assert headline.trust == 0.0, one.name


def test_a_source_that_fails_is_told_and_what_it_brought_last_stays() -> None:
    answers = [httpx.Response(200, content=listed({})), httpx.Response(503), httpx.Response(200, content=b"<html>")]
    desk = Headlines([a_source()], 24.0, served(lambda _: answers.pop(0)))
    first = desk.read(T)

    assert first.problems == ()
    assert desk.read(T + HOUR).headlines == first.headlines
    third = desk.read(T + 2 * HOUR)
    assert third.headlines == first.headlines
    assert third.problems[0].startswith("wire: no feed")
    assert desk.at(T + 23 * HOUR + 1).headlines == (), "and goes when it is too old"


def test_one_source_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_bytes(listed({}))
    missing = a_source(name="missing", address=str(tmp_path / "none.json"))
    good = a_source(name="good", address=str(tmp_path / "good.json"))
    found = Headlines([missing, good], 24.0).read(T)

    assert [one.source for one in found.headlines] == ["good"]
    assert found.problems == ("missing: No such file or directory",)


def test_a_text_is_seen_when_its_source_first_brought_it() -> None:
    desk = Headlines([a_source()], 24.0, served(lambda _: httpx.Response(200, content=listed({}))))
    desk.read(T)

    assert desk.read(T + HOUR).headlines[0].seen_at == T
    assert desk.at(T - 1).refused == {"future": 1}, "before that nobody had seen it"


def test_a_recorded_file_tells_what_was_known_at_each_moment(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(listed({"title": "one"}, {"title": "two", "date": iso(T + HOUR)}))
    desk = Headlines([a_source(address=str(tmp_path / "a.json"))], 24.0)
    desk.read(T)

    assert [one.title for one in desk.at(T - HOUR).headlines] == ["one"]
    assert [one.title for one in desk.at(T + HOUR).headlines] == ["two", "one"]
    assert desk.at(T - 2 * HOUR).headlines == ()


def test_one_file_feeds_the_gate_s_blackout_and_the_headlines(tmp_path: Path) -> None:
    event = {"title": "ECB rate decision", "country": "EUR", "date": "2024-01-02T13:15:00+01:00", "impact": "High"}
    file = tmp_path / "calendar.json"
    file.write_text(json.dumps([event]))
    at = T + 15 * MINUTE
    calendar = load([str(file)])
    desk = Headlines([a_source(address=str(file))], 24.0)

    blackout = calendar.near(T, {"EUR"}, {"high"}, HOUR, HOUR)
    assert blackout is not None
    assert blackout[0].at == at
    assert desk.read(T).refused == {"future": 1}
    (one,) = desk.at(at).headlines
    assert (one.title, one.currencies) == ("ECB rate decision", ("EUR",))


def test_it_may_be_asked_while_it_reads() -> None:
    reading, go_on = threading.Event(), threading.Event()

    def answer(_: httpx.Request) -> httpx.Response:
        reading.set()
        go_on.wait(10)
        return httpx.Response(200, content=listed({"title": "two"}))

    desk = Headlines([a_source()], 24.0, served(answer))
    beside = threading.Thread(target=desk.read, args=(T,))
    beside.start()
    assert reading.wait(10)
    assert desk.at(T).headlines == ()
    go_on.set()
    beside.join()
    assert [one.title for one in desk.at(T).headlines] == ["two"]
