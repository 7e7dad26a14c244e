"""The files of the page: packed for whoever takes that, and none but them."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from api import static
from tests.api.serving_desk import Desk, serving

SCRIPT = b"export const words = 'the same words again and again';\n" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_bytes(b"<!doctype html><title>Argus</title>" + b"<p>words</p>" * 50)
    (page / "assets" / "index-1a2b.js").write_bytes(SCRIPT)
    (page / "assets" / "tiny.js").write_bytes(b"export {}")
    (page / "assets" / "index-1a2b.js.gz").write_bytes(b"of another kind")
    (tmp_path / "secret.txt").write_text("secret")
    (page / "assets" / "leak.txt").symlink_to(tmp_path / "secret.txt")
    return page


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=static.routes(static.files(folder)))) as one:
        del one.headers["accept-encoding"]
        yield one


def test_a_file_is_packed_for_whoever_takes_gzip(client: TestClient) -> None:
    plain = client.get("/assets/index-1a2b.js")
    packed = client.get("/assets/index-1a2b.js", headers={"Accept-Encoding": "br, gzip"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(SCRIPT) / 10
    assert int(plain.headers["content-length"]) == len(SCRIPT)
    assert plain.content == packed.content == SCRIPT  # the client unpacks
    for name in ("content-type", "cache-control", "vary"):
        assert plain.headers[name] == packed.headers[name]
    assert plain.headers["vary"] == "Accept-Encoding", "a cache in between keeps them apart"


def test_each_form_has_its_own_etag_and_is_not_told_twice(client: TestClient) -> None:
    forms = {"identity": client.get("/"), "gzip": client.get("/", headers={"Accept-Encoding": "gzip"})}
    tags = {name: one.headers["etag"] for name, one in forms.items()}
    assert tags["identity"] != tags["gzip"]
    for asked in tags:
        for known, tag in tags.items():
            said = {"Accept-Encoding": asked, "If-None-Match": f'"other", W/{tag}'}
            answer = client.get("/", headers=said)
            assert answer.status_code == (304 if asked == known else 200), (asked, known)
            assert (answer.headers["etag"], answer.headers["vary"]) == (tags[asked], "Accept-Encoding")
            if asked == known:
                assert answer.content == b""
                assert "content-encoding" not in answer.headers


def test_what_packing_makes_no_smaller_stays_as_it_is(client: TestClient) -> None:
    answer = client.get("/assets/tiny.js", headers={"Accept-Encoding": "gzip"})

    assert answer.content == b"export {}"
    assert not {"content-encoding", "vary"} & set(answer.headers)


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True),
        ("GZIP;Q=0.5", True),
        ("br, gzip ; q=0.001", True),
        ("*", True),
        ("br;q=1.0, *;q=0.1", True),
        ("", False),
        ("identity", False),
        ("br, deflate", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("gzip;q=x", False),
        ("notgzip", False),
    ],
)
def test_who_takes_gzip(accepted: str, takes: bool) -> None:
    assert static.takes_gzip(accepted) is takes


def test_the_same_file_is_packed_to_the_same_bytes(folder: Path) -> None:
    assert static.files(folder) == static.files(folder)
    assert all(gzip.decompress(one.packed) == one.body for one in static.files(folder) if one.packed is not None)


def test_nothing_but_the_files_of_a_page_is_known(folder: Path) -> None:
    assert [one.path for one in static.files(folder)] == [
        "/",
        "/assets/index-1a2b.js",
        "/assets/tiny.js",
        "/index.html",
    ]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with serving(tmp_path, monkeypatch) as one:
        yield one


@pytest.mark.parametrize(
    "path", ["/../api-token", "/assets/..%2f..%2fapi-token", "/assets/index-1a2b.js.gz", "/assets/../../api-token.gz"]
)
def test_asking_for_it_packed_opens_no_other_file(desk: Desk, path: str) -> None:
    host = f"127.0.0.1:{desk.server.bound.port}"
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", desk.server.bound.port), 10) as one:
        one.sendall(head.encode())
        said = b"".join(iter(lambda: one.recv(65536), b""))
    assert said.split(b" ")[1] in (b"400", b"401", b"404"), said
    assert desk.operator.encode() not in said


def test_the_shipped_page_is_small_on_the_way() -> None:
    """Where the page is built; 200 kB is what a phone loads in a second or two."""
    page = static.files()
    assert sum(len(one.packed or one.body) for one in page if one.path.startswith("/assets/")) < 200_000
