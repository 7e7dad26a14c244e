"""schemathesis against the description, with a token: no request that it invents is answered wrongly."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from api.engine_process import EngineProcess, Running
from api.security.limits import Limits, Rate
from tests.api.serving_desk import WHOLE, Desk, serving
from tests.orchestration.terminal.story import RUN, write_book, write_run

pytestmark = pytest.mark.skipif(
    find_spec("schemathesis") is None and "CI" not in os.environ, reason="schemathesis is not installed"
)

EXAMPLES = 8
"""Requests invented for every operation, beside those that cover its description."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    plenty = Rate(1e6, 10**6)
    generous = Limits(strangers=plenty, failures=plenty, requests=plenty, commands=plenty, urgent=plenty)
    with pytest.MonkeyPatch.context() as patch:
        nobody = Running(pid=1, started_at=1, exit_code=0, said="")
        patch.setattr(EngineProcess, "start", lambda self, wanted: nobody)
        with serving(tmp_path_factory.mktemp("home"), patch, limits=generous, parts=WHOLE) as made:
            write_run(made.store)
            write_book(made.store)
            made.emit("a", "b", kind="ALERT", run=RUN)
            yield made


CONFIG = """
[checks.positive_data_acceptance]
# what a schema cannot say is told by 422: a cursor of another list, a run nobody knows, a key that was used before
expected-statuses = ["2xx", "304", "400", "401", "404", "409", "422", "503"]
"""


def fuzzed(desk: Desk, folder: Path) -> str:
    """What schemathesis says; it fails with what it found."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [f"{desk.url}/api/openapi.json", "-H", f"Authorization: Bearer {desk.operator}"]
    command += ["--phases=examples,coverage,fuzzing", "--workers=1", "--checks=all", "--seed=7", "--warnings=off"]
    command += [f"--max-examples={EXAMPLES}", "--generation-deterministic", "--no-color"]
    kept = {name: one for name, one in os.environ.items() if not name.upper().startswith("ARGUS")}
    done = subprocess.run(command, capture_output=True, text=True, env=kept | {"COLUMNS": "150"}, timeout=240)
    assert done.returncode == 0, done.stdout[-40_000:] + done.stderr[-2000:]
    return done.stdout


def test_nothing_that_the_description_allows_or_forbids_is_answered_wrongly(desk: Desk, tmp_path: Path) -> None:
    said = fuzzed(desk, tmp_path)

    assert "No issues found" in said
    assert not [one for one in desk.told if one.startswith("server:")]
    assert desk.client(desk.operator).get("/health/ready").status_code == 200
