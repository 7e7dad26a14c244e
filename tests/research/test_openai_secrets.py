"""No key is shown: not in an answer, a log, a pickle or a traceback, whatever an endpoint does with it."""

from __future__ import annotations

import asyncio
import copy
import http.server
import json
import logging
import os
import pickle
import ssl
import threading
import traceback
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.errors import ConfigError
from domain.research import OK
from research.openai_model import OpenAIModel
from research.secrets import PACKAGE, VARIABLE, Secret, find, is_official, redact, redacted
from tests.api.certificates import make
from tests.research.asking_desk import KEY, a_config, a_model, a_task, ask, asked
from tests.research.wire import Wire, a_wire, dead_port
from tests.research.wire_faults import FAULTS
from tests.research.wire_shapes import Asked, Reply, error, good

ECHOING = {
    "in a refusal": lambda one, answer: error(400, f"bad header {one.authorization}", "invalid_request_error"),
    "masked": lambda one, answer: error(401, f"Incorrect API key provided: {KEY[:9]}****{KEY[-4:]}.", "x", "y"),
    "in a page": lambda one, answer: Reply(500, f"<html>{one.authorization}</html>".encode(), {}),
    "in no json": lambda one, answer: Reply(200, f"debug: {one.authorization}".encode(), {}),
    "in an answer": lambda one, answer: good(one, answer | {"evidence": [one.authorization]}),
    "in a name": lambda one, answer: good(one, answer | {one.authorization: 1}),
    "escaped": lambda one, answer: good(
        one, json.dumps(answer | {"verdict": "?"}).replace("?", "".join(f"\\u{ord(letter):04x}" for letter in KEY))
    ),
    "in a redirect": lambda one, answer: Reply(302, b"", {"Location": f"http://127.0.0.1:9/?key={KEY}"}),
    "in headers": lambda one, answer: Reply(429, b"{}", {"Retry-After": KEY, "x-request-id": KEY}),
}


@pytest.mark.parametrize("how", sorted(ECHOING))
def test_an_endpoint_that_tells_the_key_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wire: Wire, how: str
) -> None:
    monkeypatch.setitem(FAULTS, "echo", ECHOING[how])
    caplog.set_level(logging.DEBUG)

    answer = ask(wire, "echo")

    assert wire.seen[0].authorization == f"Bearer {KEY}"
    shown = repr(answer) + msgspec.json.encode(msgspec.structs.replace(answer, value=None)).decode()
    logged = " ".join(f"{one.getMessage()} {vars(one)!r}" for one in caplog.records)
    for text in (shown, logged, pickle.dumps(answer).decode("latin-1")):
        assert KEY not in text
        assert KEY[:9] not in text


@pytest.mark.parametrize("fault", ["ok", "401-key", "hang", "drop", "malformed-once"])
def test_the_client_logs_no_key(caplog: pytest.LogCaptureFixture, wire: Wire, fault: str) -> None:
    caplog.set_level(logging.DEBUG)

    ask(wire, fault, within=1.0, retries=0)

    told = [one for one in caplog.records if one.name.partition(".")[0] in ("openai", "httpx2", "httpcore2")]
    assert [one.levelname for one in told if one.levelno < logging.WARNING] == []
    assert KEY not in " ".join(f"{one.getMessage()} {vars(one)!r}" for one in caplog.records)


def test_a_secret_shows_nothing() -> None:
    secret = Secret(KEY, "somewhere")

    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>40}",
        repr([secret]),
        repr({1: secret}),
    ):
        assert KEY[:6] not in shown
    assert secret.reveal() == KEY
    assert (secret == Secret(KEY), secret == Secret("another-key"), secret == KEY) == (True, False, False)
    assert len({secret, Secret(KEY)}) == 1


@pytest.mark.parametrize("dump", [pickle.dumps, copy.deepcopy, msgspec.json.encode, json.dumps, msgspec.msgpack.encode])
def test_a_secret_does_not_leave_its_process(dump: Any) -> None:
    with pytest.raises(TypeError) as raised:
        dump(Secret(KEY))
    assert KEY not in str(raised.value)


def test_a_model_with_its_key_does_not_either(wire: Wire) -> None:
    model = a_model(wire)

    with pytest.raises(TypeError, match="a key is not sent"):
        pickle.dumps(model)
    assert KEY not in repr(model)
    assert KEY not in repr(vars(model))


def test_a_traceback_with_its_locals_shows_no_key() -> None:
    secret = Secret(KEY)

    def check(parsed: Any) -> None:
        held = secret
        raise KeyError(held)

    try:
        check(None)
    except KeyError as raised:
        shown = "".join(traceback.TracebackException.from_exception(raised, capture_locals=True).format())
    assert KEY not in shown
    assert "held = ***" in shown


@pytest.mark.parametrize(
    "value", ["", "two words", "line\nbreak", "naïve", 'quo"te', "back\\slash", "x" * 2000, "tab\t"]
)
def test_what_no_header_can_hold_is_no_key(value: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Secret(value, "here")
    assert not value or value not in str(raised.value)


# -- where it is from ------------------------------------------------------------------------------


def a_file(folder: Path, text: str = f"{KEY}\n", mode: int = 0o600) -> str:
    path = folder / "key"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_the_key_is_looked_for_in_order(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    given = {VARIABLE: "first-key", PACKAGE: "third-key"}

    def found(environ: dict[str, str], key_file: str | None = None) -> str | None:
        secret = find(environ, key_file)
        return secret.reveal() if secret else None

    assert found(given, file) == "first-key"
    assert found({PACKAGE: "third-key"}, file) == KEY
    assert found({PACKAGE: " third-key\n"}) == "third-key"
    assert found({VARIABLE: f"file:{file}"}) == KEY
    assert found({VARIABLE: "  ", PACKAGE: ""}) is None
    assert found({}) is None


def test_where_it_is_from_is_known() -> None:
    secret = find({VARIABLE: "first-key"})

    assert secret is not None
    assert secret.origin == VARIABLE


@pytest.mark.parametrize(
    ("base_url", "own"),
    [
        (None, True),
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("http://api.openai.com/v1", False),
        ("http://127.0.0.1:11434/v1", False),
        ("https://api.openai.com.evil.example/v1", False),
        ("https://api.openai.com@evil.example/v1", False),
        ("https://evil-api.openai.com.example", False),
        ("https://[", False),
    ],
)
def test_the_key_of_one_service_is_not_sent_to_another(base_url: str | None, own: bool) -> None:
    assert is_official(base_url) == own
    assert (find({PACKAGE: KEY}, base_url=base_url) is not None) == own
    assert find({VARIABLE: KEY}, base_url=base_url) is not None


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (KEY, 0o644, "can be read by others"),
        (KEY, 0o640, "can be read by others"),
        ("", 0o600, "one key and nothing else"),
        (f"{KEY} {KEY}", 0o600, "one key and nothing else"),
        ("naïve-key", 0o600, "no key"),
        ("x" * 5000, 0o600, "no key"),
    ],
)
def test_a_file_that_cannot_be_trusted(tmp_path: Path, text: str, mode: int, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as raised:
        find({}, a_file(tmp_path, text, mode))
    assert KEY not in str(raised.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigError, match="no ordinary file"):
        find({}, str(tmp_path / "pipe"))
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "pipe", "a\0b"):
        with pytest.raises(ConfigError, match=r"research\.key_file"):
            find({}, str(path))


# -- redaction -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcd1234EFGH5678ijkl.",
        "Incorrect API key provided: sk-ab********************yz12.",
        "Authorization: Bearer abcdef1234567890",
        '{"api_key": "abcdef1234567890"}',
        "x-api-key=abcdef1234567890&b=1",
        "https://me:abcdef1234567890@host/v1",
        "gsk_abcdef1234567890ABCDEF",
    ],
)
def test_other_keys_are_seen_by_their_shape(text: str) -> None:
    hidden = redact(text)

    assert "***" in hidden
    assert not {"abcd1234", "abcdef12", "yz12"} & set(hidden.replace(":", " ").replace('"', " ").split())
    assert "1234567890" not in hidden
    assert "1234EFGH" not in hidden


@pytest.mark.parametrize(
    "text",
    [
        "a risk-adjusted view of task-oriented buying",
        "the basic analysis of bearer instruments",
        "the key performance indicator: rising",
        "p_win 0.6, E12 and https://example.org/a@b",
        "sk- is how keys begin; authorization: required",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text, Secret(KEY)) == text


def test_short_keys_of_local_servers_do_not_spoil_texts() -> None:
    assert redact("none of the models is an ollama", Secret("ollama")) == "none of the models is an ollama"


def test_a_key_is_found_whole_cut_and_quoted() -> None:
    odd = Secret("a+b/c=d&e%f(g)h[i]j!k")

    for text in (odd.reveal(), "a%2Bb%2Fc%3Dd%26e%25f%28g%29h%5Bi%5Dj%21k", odd.reveal()[:12]):
        assert redact(f"it is {text} here", odd) == "it is *** here"
    assert redacted({odd.reveal(): [odd.reveal(), 1, None, {"a": odd.reveal()}]}, odd) == {
        "***": ["***", 1, None, {"a": "***"}]
    }


# -- where it goes ---------------------------------------------------------------------------------


def test_the_environment_sends_the_key_nowhere_else(monkeypatch: pytest.MonkeyPatch, wire: Wire) -> None:
    """Neither its proxies nor its base URL hold; OPENAI_API_KEY is not taken behind our back."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{dead_port()}")
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{dead_port()}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment-0123456789")

    assert ask(wire, key=None).outcome == OK
    assert "environment" not in wire.seen[0].authorization


def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch, wire: Wire) -> None:
    with a_wire() as other:
        to = {"Location": f"{other.url}/chat/completions"}

        def elsewhere(one: Asked, answer: Any) -> Reply:
            return Reply(307, b"", to)

        monkeypatch.setitem(FAULTS, "elsewhere", elsewhere)
        answer = ask(wire, "elsewhere")

    assert answer.outcome == "BAD_REQUEST"
    assert "not followed" in answer.detail
    assert (wire.hits, other.hits) == (1, 0)


def test_a_certificate_that_nobody_trusts_gets_no_key(tmp_path: Path) -> None:
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.path)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make(tmp_path))
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        (answer,) = asked(a_model(base_url=f"https://127.0.0.1:{server.server_address[1]}/v1", retries=0), a_task())
        server.shutdown()
        thread.join()

    assert answer.outcome == "UNREACHABLE"
    assert "certificate" in answer.detail.lower()
    assert seen == []


def test_an_unasked_model_needs_no_package() -> None:
    """Without a key nothing of the client is imported or opened."""
    model = OpenAIModel(a_config(), None)

    async def whole() -> str:
        answer = await model.answer(a_task(), 1.0)
        await model.close()
        return answer.outcome

    assert asyncio.run(whole()) == "NO_KEY"
    assert model._client is None
