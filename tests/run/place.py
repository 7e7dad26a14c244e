"""A data folder of its own, and the command line used in it as a person would: in processes of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

ROLES = ("ANALYST", "RESEARCHER", "CRITIC", "PLANNER")
"""Of research: off, unless a test turns it on. It is tested by itself (``test_run_researched``)."""
CLI = Path(__file__).parents[2] / "cli.py"
Line = dict[str, Any]


@dataclass
class Said:
    """What a verb said and its exit code."""

    code: int
    out: str
    err: str


class Place:
    """One ARGUS_HOME; its processes are known by it, for every process below inherits it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        (self.home / "cache").mkdir(parents=True)
        (self.home / "cache" / "kernels").symlink_to(Path(os.environ["ARGUS_HOME"]).resolve() / "cache" / "kernels")
        self._started: list[subprocess.Popen[str]] = []

    @property
    def database(self) -> Path:
        return self.home / "argus.db"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.database}"

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARGUS", "OPENAI"))}
        kept |= dict.fromkeys((f"ARGUS__RESEARCH__{one}" for one in ROLES), "off")
        return kept | {"ARGUS_HOME": str(self.home), "COLUMNS": "200", "TERM": "dumb"} | more

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """A process whose stdout and stderr go to files, in a group of its own as in a terminal."""
        with (self.folder / "out").open("w") as out, (self.folder / "err").open("w") as err:
            process = subprocess.Popen(
                [sys.executable, str(CLI), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
                env=self.environment(**more),
                cwd=self.folder,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def verb(self, *arguments: str, **more: str) -> Said:
        """Wait for its end."""
        command = [sys.executable, str(CLI), *arguments]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment(**more),
            cwd=self.folder,
            timeout=180,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def ask(self, *arguments: str) -> Any:
        """What a verb that succeeds says with --json."""
        said = self.verb(*arguments, "--json")
        assert said.code == 0, said
        return json.loads(said.out)

    def out(self) -> str:
        return (self.folder / "out").read_text()

    def err(self) -> str:
        return (self.folder / "err").read_text()

    def wait(self, holds: Callable[[], Any], what: str, within: float = 120.0) -> Any:
        ends = time.monotonic() + within
        while not (found := holds()):
            if time.monotonic() > ends:
                pytest.fail(f"not within {within:g} s: {what}\n{self.out()[-2000:]}\n{self.err()[-2000:]}")
            time.sleep(0.1)
        return found

    def wait_for(self, text: str, process: subprocess.Popen[str]) -> None:
        self.wait(lambda: text in self.out() or process.poll() is not None, f"{text!r} on stdout")
        assert text in self.out(), self.err()

    def page(self, engine: subprocess.Popen[str]) -> tuple[str, str]:
        """The page's address and its code, which a run says on stderr."""
        said = re.compile(r"^page http.*\n", re.MULTILINE)
        self.wait(lambda: said.search(self.err()) or engine.poll() is not None, "the address on stderr")
        [line] = [one for one in self.err().splitlines() if one.startswith("page http")]
        url, _, code = line.removeprefix("page ").partition("/#code=")
        return url, code

    def processes(self) -> list[str]:
        """Every process of this place that lives, however it was started."""
        found = []
        for one in psutil.process_iter():
            try:
                if one.environ().get("ARGUS_HOME") == str(self.home) and one.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{one.pid} {' '.join(one.cmdline())[:120]}")
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def nothing_left(self) -> None:
        self.wait(lambda: not self.processes(), "every process is gone", within=60)

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait()


def lines(text: str) -> list[Line]:
    return [json.loads(one) for one in text.splitlines()]
