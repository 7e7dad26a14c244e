"""A real run with its server: seen and steered from outside, and never disturbed by it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.run.place import Place, lines

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals"),
]

SIM = ("run", "--symbols", "EURUSD,BTC", "--seed", "3", "--preset", "yardstick")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.close()


def test_a_run_is_seen_halted_and_stopped_over_its_server(place: Place) -> None:
    engine = place.start(*SIM, "--speed", "5", "--json", "--port", "0")
    url, code = place.page(engine)
    page = httpx.Client(base_url=url, trust_env=False, timeout=30, headers={"Origin": url})
    with page:
        csrf = page.post("/login", json={"code": code}).json()["csrf"]
        said = {"X-CSRF-Token": csrf}
        cookie = f"argus_session={page.cookies['argus_session']}"
        with connect(
            f"ws{url.removeprefix('http')}/ws",
            origin=url,
            additional_headers={"Cookie": cookie},
            proxy=None,  # type: ignore[arg-type]
        ) as socket:
            snapshot = json.loads(socket.recv(30))
            seen = [json.loads(socket.recv(30)) for _ in range(40)]
            assert snapshot["type"] == "STATE_SNAPSHOT"
            assert [one["seq"] for one in seen] == list(range(snapshot["seq"] + 1, snapshot["seq"] + 41))
            assert page.get("/api/engine").json()["state"] == "running"
            assert page.get("/health/ready").json() == {"status": "ok", "engine": True}
            place.wait(lambda: "\nray_argus_cycles" in page.get("/metrics").text, "the run's own metrics")
            halted = page.post("/api/engine/emergency-stop", json={"reason": "seen", "flatten": True}, headers=said)
            assert halted.status_code in (200, 202), halted.text
            place.wait(lambda: page.get("/api/engine").json()["state"] == "emergency", "it is halted")
            assert place.ask("status")["latches"][0]["reason"] == "seen"
            assert (
                page.post("/api/engine/start", json={"reason": "x", "symbols": ["BTC"]}, headers=said).status_code
                == 409
            )
            stopped = page.post("/api/engine/stop", json={"reason": "enough"}, headers=said)
            assert stopped.status_code in (200, 202), stopped.text
            kinds = []
            while "RUN_SUMMARY" not in kinds:
                kinds.append(json.loads(socket.recv(60))["type"])
    assert engine.wait(60) == 0, place.err()
    told = lines(place.out())
    assert told[-1]["type"] == "RUN_SUMMARY"
    assert [one["seq"] for one in told] == sorted({one["seq"] for one in told})
    assert "#code" not in place.out()
    place.nothing_left()


def test_what_a_run_decides_is_the_same_with_and_without_it(place: Place) -> None:
    found = []
    for more in (("--no-api",), ("--port", "0")):
        engine = place.start(*SIM, "--speed", "max", "--cycles", "60", "--json", *more)
        assert engine.wait(180) == 0, place.err()
        found.append(lines(place.out())[-1]["data"]["decisions_hash"])
        assert ("page http" in place.err()) is (more[0] != "--no-api")
    assert found[0] == found[1]
    place.nothing_left()


def test_an_engine_that_serve_started_outlives_it_and_ends_by_the_next(place: Place) -> None:
    server = place.start("serve", "--port", "0", "--json")
    place.wait(lambda: place.out().endswith("\n"), "its address")
    said = json.loads(place.out())
    token = (place.home / "api-token").read_text().strip()
    client = httpx.Client(
        base_url=said["url"], trust_env=False, timeout=30, headers={"Authorization": f"Bearer {token}"}
    )
    with client:
        body = {"reason": "begin", "symbols": ["EURUSD", "BTC"], "preset": "yardstick", "speed": 5, "seed": 3}
        started = client.post("/api/engine/start", json=body)
        assert started.status_code in (200, 202), started.text
        place.wait(lambda: client.get("/api/engine").json()["state"] == "running", "it runs")
        assert client.post("/api/engine/start", json=body).status_code == 409
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    assert "the engine goes on" in place.err()
    assert place.ask("status")["alive"]

    server = place.start("serve", "--port", "0", "--json")
    place.wait(lambda: place.out().endswith("\n"), "its address")
    url = json.loads(place.out())["url"]
    assert place.verb("status", "--url", url).code == 0
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{url}/api/engine/stop", json={"reason": "end"}, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code in (200, 202), answer.text
    place.wait(lambda: not place.ask("status")["alive"], "it has ended")
    server.send_signal(signal.SIGINT)
    assert server.wait(30) == 0
    place.nothing_left()
