"""Where a server may listen: refused before anything starts, never more open than it was said."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.security import binding
from api.security.binding import bind, check, hosts
from domain.errors import ConfigError
from orchestration.serving import PORT, Serving
from tests.api import certificates


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program has."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_this_machine_is_allowed(host: str) -> None:
    check(Serving(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "", "localhost.example.org"])
def test_beyond_it_only_with_tls_or_when_it_is_said(host: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--allow-insecure"):
        check(Serving(host=host))
    with pytest.raises(ConfigError, match="--allow-insecure"):
        bind(Serving(host=host, port=0))
    cert, key = certificates.make(tmp_path)
    check(Serving(host=host, tls_cert=cert, tls_key=key))
    check(Serving(host=host, insecure=True))


def test_half_a_certificate_a_wrong_one_and_a_locked_one_are_refused(tmp_path: Path) -> None:
    cert, key = certificates.make(tmp_path)
    (tmp_path / "no.pem").write_text("nothing")
    (tmp_path / "locked").mkdir()
    locked = certificates.make(tmp_path / "locked", b"secret")

    for wrong in (
        Serving(tls_cert=cert),
        Serving(tls_key=key),
        Serving(tls_cert=str(tmp_path / "no.pem"), tls_key=key),
        Serving(tls_cert=cert, tls_key=str(tmp_path / "gone.pem")),
        Serving(tls_cert=cert, tls_key=locked[1]),
        Serving(tls_cert=locked[0], tls_key=locked[1]),
    ):
        with pytest.raises(ConfigError, match="--tls-"):
            check(wrong)


@pytest.mark.parametrize("name", ["", "a b", "http://x", "x:8000", "*", "x/y", "-x", "x..y", "[::1]"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="--allow-host"):
        check(Serving(names=(name,)))


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as told:
        check(Serving(host="0.0.0.0", names=("*",), tls_key="x"))

    assert len(told.value.problems) == 3


def test_a_named_port_that_is_taken_is_refused(taken: int) -> None:
    with pytest.raises(ConfigError, match=f"--port {taken} is taken"):
        bind(Serving(port=taken))


def test_without_a_name_the_next_free_one_is_found_and_told(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "PORT", taken)

    found = bind(Serving())

    assert taken < found.port <= taken + binding.NEXT
    assert found.taken == taken
    assert found.url == f"http://127.0.0.1:{found.port}"
    found.socket.close()


def test_no_port_at_all(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "PORT", taken)
    monkeypatch.setattr(binding, "NEXT", 0)

    with pytest.raises(ConfigError, match="no port from"):
        bind(Serving())


def test_the_usual_port_is_the_documented_one() -> None:
    assert PORT == binding.PORT == 8765


@pytest.mark.parametrize("host", ["192.0.2.1", "nobody.invalid"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match=f"--host {host}"):
        bind(Serving(host=host, port=0, insecure=True))


def test_the_names_by_which_it_may_be_asked() -> None:
    assert hosts(Serving()) == {"127.0.0.1", "localhost", "::1"}
    assert hosts(Serving(names=("Argus.Example",))) == {"127.0.0.1", "localhost", "::1", "argus.example"}
    assert "192.0.2.1" in hosts(Serving(host="192.0.2.1"))
    everywhere = hosts(Serving(host="0.0.0.0"))
    assert "0.0.0.0" not in everywhere
    assert socket.gethostname().lower() in everywhere
