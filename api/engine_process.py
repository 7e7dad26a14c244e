"""The engine that a server has started: one process at a time, told to end in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from api.errors import Problem, scrubbed
from journal.address import data_folder
from orchestration.clock import WallClock
from orchestration.terminal.place import living

LOG = "engine.log"
_TAIL = 4096
"""Bytes of its log in which the reason of a refusal is looked for."""
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/#@+-]{0,63}$"


class Wanted(BaseModel):
    """The run that is asked for; what is not said is as in the files that the server was given, else the defaults.

    ``live`` trades real money and needs ``i_understand_live``.
    """

    model_config = ConfigDict(extra="forbid")

    symbols: list[str] = Field(default_factory=list, max_length=2000)
    preset: str | None = Field(default=None, pattern=_NAME)
    strategy: str | None = Field(default=None, pattern=_NAME)
    timeframe: str | None = Field(default=None, pattern=r"^[A-Z][0-9]{0,4}$")
    mode: Literal["paper", "live"] = "paper"
    feed: Literal["auto", "sim", "recorded"] | None = None
    speed: float | Literal["max"] | None = None
    seed: int | None = Field(default=None, ge=0, le=2**63 - 1)
    cycles: int | None = Field(default=None, ge=1, le=2**31)
    interval: float | None = Field(default=None, gt=0, le=86_400)
    i_understand_live: bool = False


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """The process that was started last. ``exit_code`` None while it lives; times in UTC nanoseconds."""

    pid: int
    started_at: int
    exit_code: int | None
    said: str
    """The last line of what it said, without paths; empty while it lives."""


class EngineProcess:
    """Starts ``run`` as a process of its own: it outlives this one, and its output goes to a file of the data folder.

    ``files`` are configuration files that every run begins with. With ``beside`` it starts none: it is itself part of
    a run.
    """

    def __init__(self, url: str, files: tuple[str, ...] = (), beside: bool = False) -> None:
        self._url, self._files, self._beside = url, files, beside
        self._one_at_a_time = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._started_at = 0

    def start(self, wanted: Wanted) -> Running:
        """Start it; whether it gets through its own checks, ``state`` and the database tell. Raises Problem for what
        can be refused at once: a run that is there already (409), a configuration that will not do (422)."""
        with self._one_at_a_time:
            self._free()
            self._fit(wanted)
            self._child = self._spawn(wanted)
            self._started_at = WallClock().now()
            return self._running(self._child)

    def state(self) -> Running | None:
        """The process that was started last, if this server has started one."""
        with self._one_at_a_time:
            return None if self._child is None else self._running(self._child)

    def stop(self) -> bool:
        """Ask the process that this server has started to end in order; False if none lives, or another has."""
        with self._one_at_a_time:
            if self._child is None or self._child.poll() is not None or os.name == "nt":
                return False  # there a signal would end it at once: the command table asks in order
            self._child.send_signal(signal.SIGTERM)
            return True

    # -- starting --------------------------------------------------------------------------------

    def _free(self) -> None:
        legal = ("stop", "pause", "emergency-stop", "reset-kill-switch")
        if self._beside:
            raise Problem(409, "ALREADY_RUNNING", "this server belongs to a run, which is there already", legal)
        held = living(self._url)
        if held is not None:
            raise Problem(409, "ALREADY_RUNNING", f"an engine runs already (run {held.run_id})", legal)
        if self._child is not None and self._child.poll() is None:
            raise Problem(409, "ALREADY_RUNNING", "an engine is being started already", legal)

    def _fit(self, wanted: Wanted) -> None:
        """Raises ConfigError or Problem for what ``run`` would refuse after some seconds."""
        from orchestration.settings import Overrides, load

        if wanted.mode == "live" and not wanted.i_understand_live:
            raise Problem(
                422, "LIVE_NEEDS_CONSENT", "mode live trades real money: it needs i_understand_live, said here as well"
            )
        load(
            Overrides(
                symbols=tuple(wanted.symbols),
                mode=wanted.mode,
                feed=wanted.feed,
                timeframe=wanted.timeframe,
                strategy=wanted.strategy,
                preset=wanted.preset,
                interval=wanted.interval,
                cycles=wanted.cycles,
                seed=wanted.seed,
                speed=None if wanted.speed is None else str(wanted.speed),
                db_url=self._url,
                i_understand_live=wanted.i_understand_live,
                config=self._files,
            )
        )

    def _spawn(self, wanted: Wanted) -> subprocess.Popen[bytes]:
        log = data_folder() / LOG
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "wb", opener=_only_ours) as out:
            return subprocess.Popen(
                command(wanted, self._url, self._files),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment(os.environ, self._url),
                start_new_session=True,
            )

    def _running(self, child: subprocess.Popen[bytes]) -> Running:
        code = child.poll()
        return Running(
            pid=child.pid,
            started_at=self._started_at,
            exit_code=code,
            said="" if code is None else scrubbed(_last_line(data_folder() / LOG)),
        )


def command(wanted: Wanted, url: str, files: tuple[str, ...]) -> list[str]:
    """The command line; values stand behind an equals sign, so that none is taken for an option."""
    said: dict[str, Any] = {
        "--symbols": ",".join(wanted.symbols) or None,
        "--preset": wanted.preset,
        "--strategy": wanted.strategy,
        "--timeframe": wanted.timeframe,
        "--mode": wanted.mode,
        "--feed": wanted.feed,
        "--speed": wanted.speed,
        "--seed": wanted.seed,
        "--cycles": wanted.cycles,
        "--interval": wanted.interval,
    }
    found = [f"{option}={value}" for option, value in said.items() if value is not None]
    found += [f"--config={file}" for file in files]
    found += ["--i-understand-live"] if wanted.mode == "live" and wanted.i_understand_live else []
    return [sys.executable, _program(), "run", *found, "--no-api"]


def environment(given: Mapping[str, str], url: str) -> dict[str, str]:
    """That of this process without its secrets; the database goes along here, for its address may hold a password."""
    kept = {name: value for name, value in given.items() if name not in ("ARGUS_API_TOKEN", "ARGUS_DEBUG")}
    return kept | {"ARGUS__DATABASE__URL": url, "TERM": "dumb"}


def _program() -> str:
    found = find_spec("cli")
    if found is None or found.origin is None:
        raise Problem(503, "UNAVAILABLE", "the command line is not part of this installation")
    return found.origin


def _only_ours(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _last_line(log: Path) -> str:
    with contextlib.suppress(OSError), log.open("rb") as opened:
        opened.seek(0, os.SEEK_END)
        opened.seek(max(0, opened.tell() - _TAIL))
        lines = opened.read().decode("utf-8", "replace").split("\n")
        said = [one.strip() for one in lines if one.strip()]
        return said[-1][:500] if said else ""
    return ""
