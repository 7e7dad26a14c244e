"""Channels: a URL is a secret, an attempt ends in its time, and what went wrong is told without the URL."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from domain.errors import ConfigError
from orchestration.alerts.channels import MISSING, Attempt, Message, deliveries, names, url_of
from tests.orchestration.alerts.receiver import receiving

ROOT = Path(__file__).resolve().parents[3]
HELLO = Message("a title", "a text", "critical")


def test_a_message_arrives_as_it_is() -> None:
    with receiving() as server:
        assert deliveries({"phone": server.url})["phone"](HELLO) == ""

    (got,) = server.got
    assert (got["title"], got["message"], got["type"]) == ("a title", "a text", "failure")


def test_a_channel_that_wants_markup_gets_text_that_is_none() -> None:
    text = "a & b (c) _d_ # e"
    with receiving() as server:
        for form in ("html", "markdown"):
            assert deliveries({"x": f"{server.url}?format={form}"})["x"](Message("t", text)) == ""

    html, markdown = (one["message"] for one in server.got)
    assert "a&nbsp;&amp;&nbsp;b" in html
    assert r"\_d\_" in markdown


@pytest.mark.parametrize(
    ("how", "said"), [(500, "it answered 500"), (404, "it answered 404"), (302, "it answered 302")]
)
def test_a_refusal_is_told_by_its_status(how: int, said: str) -> None:
    with receiving(how) as server:
        assert deliveries({"x": server.url})["x"](HELLO) == said


def test_a_message_is_not_sent_on_to_somebody_else() -> None:
    with receiving(307) as server, receiving() as other:
        server.location = f"http://127.0.0.1:{other.server_address[1]}/"
        assert deliveries({"x": server.url})["x"](HELLO) == "it answered 307"
        assert other.asked == 0


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert deliveries({"x": f"json://127.0.0.1:{port}/secret"})["x"](HELLO) == "no connection"


@pytest.mark.parametrize("how", ["slow", "drip"])
def test_an_attempt_ends_in_its_time_whatever_the_channel_does(how: str) -> None:
    with receiving(how) as server:
        attempt = Attempt(deliveries({"x": server.url})["x"], HELLO)
        assert attempt.wait(0.3) is None
        server.go.set()
        assert attempt.wait(10.0) is not None


def test_a_channel_that_hangs_does_not_hold_the_end_of_the_process(tmp_path: Path) -> None:
    program = """
import sys
from orchestration.alerts.channels import Attempt, Message, deliveries
assert Attempt(deliveries({"x": sys.argv[1]})["x"], Message("t", "b")).wait(0.5) is None
"""
    with receiving("slow") as server:
        begun = time.monotonic()
        done = subprocess.run([sys.executable, "-c", program, server.url], cwd=ROOT, timeout=50, capture_output=True)
        assert time.monotonic() - begun < 45
        assert (done.returncode, done.stderr) == (0, b"")


def test_nothing_is_logged_that_could_hold_a_url(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []

    class Root(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    root = Root()
    logging.getLogger().addHandler(root)
    try:
        with receiving(500) as server:
            why = deliveries({"x": server.url})["x"](HELLO)
            port = str(server.server_address[1])
    finally:
        logging.getLogger().removeHandler(root)

    out, err = capfd.readouterr()
    assert [one for one in heard if "secret" in one or port in one or "JSON" in one] == []
    assert "secret" not in out + err + why


def test_a_url_that_no_service_takes_is_refused_without_being_told() -> None:
    with pytest.raises(ConfigError) as refused:
        deliveries({"a": "nosuch://secret", "b": "tgram://secret", "c": "json://127.0.0.1/ok"})
    assert list(refused.value.problems) == [
        "alerts.channels.a: Apprise does not take this URL (its scheme, or a part of it)",
        "alerts.channels.b: Apprise does not take this URL (its scheme, or a part of it)",
    ]


def test_without_apprise_its_name_is_told_and_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)

    assert deliveries({}) == {}
    with pytest.raises(ConfigError, match="pip install") as refused:
        deliveries({"x": "json://127.0.0.1"})
    assert MISSING in str(refused.value)


def test_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "phone.url"
    file.write_text("json://127.0.0.1/token-secret\n")
    file.chmod(0o600)

    assert url_of("phone", f"file:{file}") == "json://127.0.0.1/token-secret"


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [(0o644, "json://secret", "can be read by others: chmod 600"), (0o600, "", "one URL"), (0o600, "a b", "one URL")],
)
def test_a_file_that_is_not_like_that_is_refused(tmp_path: Path, mode: int, text: str, said: str) -> None:
    file = tmp_path / "phone.url"
    file.write_text(text)
    file.chmod(mode)

    with pytest.raises(ConfigError, match=said) as refused:
        url_of("phone", f"file:{file}")
    assert "secret" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        deliveries({"phone": f"file:{tmp_path / 'none'}"})


@pytest.mark.parametrize("given", [{"Phone": "json://secret"}, {"a b": "json://secret"}, {"a": "secret"}, {"a": " "}])
def test_names_and_urls_that_cannot_be(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="allowed") as refused:
        names(given)
    assert "secret" not in str(refused.value)
