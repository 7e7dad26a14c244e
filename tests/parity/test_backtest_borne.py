"""What `backtest` bears: a strategy of one's own that goes wrong, and a person who does not wait for the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.flow.system import write_bars
from tests.parity.made import made
from tests.parity.verb import CLI, WAVES, Said, refused, told

# -- a strategy of one's own -------------------------------------------------------------------------

OWN = '''"""Long and short by turns, but for one close."""

from typing import Annotated, NamedTuple

from strategies.base import REASON, SCORE, STANCE, STOP, ClosedBar, Row, strategy
from strategies.parameters import Between

WORDS = ("TURNED",)


class Params(NamedTuple):
    """What can be set."""

    every: Annotated[int, Between(1, 100, "bars", "how often it turns")] = 10


@strategy(params=Params, own_slots=lambda params: 0, warm_up=lambda params: 2, words=WORDS, compiled=False,
          remembers="it counts from its first bar")
def odd(state: Row, bar: ClosedBar, params: Params) -> int:
    """Long and short by turns."""
    state[SCORE], state[STOP], state[REASON] = 0.5, 0.002, 0
    if bar.close == 1.123456:
        {does}
    return 1 if int(state[0] / params.every) % 2 else -1
'''


WRONG = {
    "raises": ("raise ValueError('so low')", "ValueError: so low"),
    "takes no side there is": ("return 7", "not sound"),
    "knows no stop": ("state[STOP] = float('nan')", "not sound"),
    "returns nothing": ("return None", "not sound"),
    "returns text": ("return 'long'", "not sound"),
}
ALWAYS = {
    "always raises": ("raise KeyError(3)", "KeyError: 3"),
    "takes all memory": ("state = [0.0] * 10**11", "MemoryError"),
}


class Verb:
    """The verb in a process of its own, for each of its own strategies has kernels of its own."""

    def __init__(self, folder: Path, does: str, always: bool = False) -> None:
        folder.mkdir()
        source = OWN.format(does=does)
        (folder / "odd.py").write_text(source.replace("if bar.close == 1.123456:", "if True:") if always else source)
        closes = list(WAVES)
        closes[140] = closes[170] = 1.123456
        self._out = folder / "r.json"
        arguments = ["--symbols", "EURUSD", "--data", f"EURUSD={write_bars(folder / 'EURUSD_M1.csv', closes)}"]
        arguments += ["--preset", "yardstick", "--strategies-dir", str(folder), "--strategy", "odd"]
        pipe = subprocess.PIPE
        command = [sys.executable, str(CLI), "backtest", *arguments, "--out", str(self._out)]
        self._process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=folder)

    def said(self) -> Said:
        out, err = self._process.communicate(timeout=240)
        return Said(self._process.returncode, out, err)

    def found(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self._out.read_text())
        return read


def test_what_a_strategy_does_wrong_at_a_bar_is_an_error_of_that_bar(tmp_path: Path) -> None:
    """As in a run: the symbol says ERROR, everything else goes on, and it ends well."""
    running = {what: Verb(tmp_path / str(number), does) for number, (what, (does, _)) in enumerate(WRONG.items())}

    for what, (verb, said) in {what: (verb, verb.said()) for what, verb in running.items()}.items():
        assert (said.code, said.err) == (0, ""), what
        (line,) = verb.found()["errors"]
        assert line.startswith("EURUSD: 2 bars, the first at 2024-01-01T02:21:00Z"), what
        assert WRONG[what][1] in line, what
        assert f"ERROR {line}" in said.out
        assert len(verb.found()["fills"]) > 10


def test_what_a_strategy_does_wrong_at_every_bar_is_refused(tmp_path: Path) -> None:
    running = {what: Verb(tmp_path / str(number), one[0], True) for number, (what, one) in enumerate(ALWAYS.items())}

    for what, said in {what: verb.said() for what, verb in running.items()}.items():
        refused(said, 4, "odd.py", ALWAYS[what][1])


# -- ended early -------------------------------------------------------------------------------------


UNDER_WAY = """
import runpy, sys
sys.argv = sys.argv[1:]
from orchestration import kernel_cache
import os, time
kernel_cache.prepare(kernel_cache.cache_root(os.environ), time.time_ns())
from orchestration.backtest.engine import Engine
visit = Engine._visit
def watched(self, moment):
    if moment == 3000:
        print("under way", file=sys.stderr, flush=True)
    visit(self, moment)
Engine._visit = watched
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""The command line in a process that says when it has come to its 3000th bar."""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_ctrl_c_gives_what_was_reached_and_says_so(tmp_path: Path) -> None:
    market = made(tmp_path / "bars", ("EURUSD", "BTC"), "M1", 30_000, uneven=False, missing=0)
    out = tmp_path / "r.json"
    arguments = ["--symbols", "EURUSD,BTC", "--data", str(market.folder), "--timeframe", "M1", "--out", str(out)]
    arguments += ["--set", "risk.drawdown_guard=0.5"]  # which looks at every bar
    kept = {name: one for name, one in os.environ.items() if not name.startswith("ARGUS__")}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", UNDER_WAY, str(CLI), "backtest", *arguments]
    process = subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path, env=kept | {"PYTHONPATH": str(CLI.parent)}
    )
    assert process.stderr is not None
    began = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    said, wrong = process.communicate(timeout=120)

    assert began == "under way\n", began + wrong
    assert (process.returncode, wrong) == (0, "")
    assert "STOPPED EARLY" in said
    found = json.loads(out.read_text())
    assert found["partial"] is True
    assert len(found["fills"]) > 0
    assert found["bars"] < 45_000  # of more than 50,000


def test_ctrl_c_twice_ends_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.backtest.engine import Engine

    file = write_bars(tmp_path / "EURUSD_M1.csv", WAVES)
    visit = Engine._visit

    def impatient(self: Engine, moment: int) -> None:
        visit(self, moment)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Engine, "_visit", impatient)
    before = signal.getsignal(signal.SIGINT)

    said = told("--symbols", "EURUSD", "--data", f"EURUSD={file}", "--preset", "yardstick")

    assert (said.code, said.out) == (1, "")
    assert said.err == "interrupted\n"
    assert signal.getsignal(signal.SIGINT) is before
