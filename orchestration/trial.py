"""A strategy of a user's own is tried in a process of its own before anything depends on it.

Compiled code cannot be interrupted: one that never returns, takes all memory or ends its process shall do so there.
Time is limited everywhere; memory where the system has such limits (not on Windows, and macOS does not enforce them).
"""

from __future__ import annotations

import faulthandler
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import psutil

from domain.errors import ConfigError
from strategies.files import OwnFile, faults_told, step_line, strategy_named

LOADING, COMPILING, STEPPING = "imported", "compiled", "stepped over made bars"
SECONDS = {LOADING: 60.0, COMPILING: 300.0, STEPPING: 60.0}
"""How long each part may take."""
MORE_TIME = "ARGUS_TRIAL_SECONDS"
"""The environment variable that gives each part another time."""
MEMORY = 2 * 1024**3
"""Bytes that it may take beyond what Python and the compiler have taken."""
MEGABYTE = 1024 * 1024
MEMORY_ERROR = "MemoryError"
ROOT = Path(__file__).resolve().parents[1]
CHILD = "import sys; sys.path.insert(0, {!r}); from orchestration.trial import main; main()"


class Asked(msgspec.Struct, frozen=True):
    """What is tried. The preset's parameters count where the strategy has them, the given ones always."""

    own: OwnFile
    preset: dict[str, Any]
    given: dict[str, Any]
    seconds: dict[str, float]
    memory: int


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of it, as problems: of the parameters; of a file that cannot be run here; and of what it said."""

    parameters: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    unsound: tuple[str, ...] = ()

    @property
    def problems(self) -> list[str]:
        return [*self.parameters, *self.refused, *self.unsound]


class _Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the child is about to do, and at which line its step begins (0: not known yet)."""

    stage: str
    line: int = 0


def tried(
    own: OwnFile,
    preset: Mapping[str, Any],
    given: Mapping[str, Any],
    seconds: Mapping[str, float] | None = None,
    memory: int = MEMORY,
) -> Trial:
    """Import it, compile it and let it speak on some made bars, in a child that has limits.

    ``seconds`` by part instead of the usual ones. Raises ConfigError if ``ARGUS_TRIAL_SECONDS`` is no number.
    """
    limits = dict(seconds or _limits())
    asked = msgspec.msgpack.encode(Asked(own, dict(preset), dict(given), limits, memory))
    command = [sys.executable, "-P", "-c", CHILD.format(str(ROOT))]  # no module of the current folder comes first
    try:
        done = subprocess.run(
            command, input=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=sum(limits.values()) + 60
        )
    except subprocess.TimeoutExpired as error:  # not even its watch could end it
        return Trial(refused=(_never_returned(own, error.stdout or b"", limits),))
    return _outcome(own, done.returncode, done.stdout, limits)


def _limits() -> dict[str, float]:
    text = os.environ.get(MORE_TIME)
    if not text:
        return SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise ConfigError(f"{MORE_TIME} = {text!r}: give the seconds that a trial of an own strategy may take")
    return dict.fromkeys(SECONDS, seconds)


# -- what the parent makes of it -------------------------------------------------------------------


def _outcome(own: OwnFile, code: int, said: bytes, limits: Mapping[str, float]) -> Trial:
    lines = said.splitlines()
    if code == 0 and lines:
        try:
            return msgspec.json.decode(lines[-1], type=Trial)
        except msgspec.DecodeError:
            pass  # it ended the process by itself before the answer
    if b"Timeout (" in said:
        return Trial(refused=(_never_returned(own, said, limits),))
    if code == -getattr(signal, "SIGINT", 2):
        raise KeyboardInterrupt
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    stage = _stage(lines)
    return Trial(
        refused=(
            f"{_place(own, stage.line)}: its process ended {how} while it was {stage.stage}; look for a place outside "
            "of its slots, for memory without end, and for what ends a process",
        )
    )


def _never_returned(own: OwnFile, said: bytes, limits: Mapping[str, float]) -> str:
    stage = _stage(said.splitlines())
    line = _line_in(own, said.decode(errors="replace")) or stage.line
    return (
        f"{_place(own, line)}: it did not return within {limits.get(stage.stage, 0):g} seconds while it was "
        f"{stage.stage}; look for a loop that never ends. If it only needs longer, set {MORE_TIME}"
    )


def _place(own: OwnFile, line: int) -> str:
    return f"{own.path} line {line}" if line else own.path


def _stage(lines: list[bytes]) -> _Stage:
    """The last one that was told."""
    found = _Stage(LOADING)
    for one in lines:
        try:
            found = msgspec.json.decode(one, type=_Stage)
        except msgspec.DecodeError:
            continue  # a line of the traceback
    return found


def _line_in(own: OwnFile, traceback: str) -> int:
    """The innermost line of the file in what faulthandler wrote, most recent call first; 0 if it is in none."""
    path = own.path.encode("ascii", "backslashreplace").decode()
    found = re.search(rf'File "{re.escape(path)}", line (\d+)', traceback)
    return int(found[1]) if found else 0


# -- the child -------------------------------------------------------------------------------------


def main() -> None:
    """Try what stdin asks for; stages and the answer go to stdout as lines of JSON. What the file prints is dropped."""
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Asked)
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    from strategies import lint  # the compiler comes with it, before memory is limited

    del lint
    _limit(asked.memory)

    def begin(stage: str, line: int = 0) -> None:
        out.write(msgspec.json.encode(_Stage(stage, line)) + b"\n")
        faulthandler.dump_traceback_later(asked.seconds[stage], exit=True, file=out)

    found = _try(asked, begin)
    faulthandler.cancel_dump_traceback_later()
    out.write(msgspec.json.encode(found) + b"\n")
    _end(out)


def _try(asked: Asked, begin: Callable[..., None]) -> Trial:
    from strategies import lint
    from strategies.base import parameters_problems, resolve

    own = asked.own
    begin(LOADING)
    try:
        with faults_told(own.path):
            strategy = strategy_named(own.name, own)
            declared = {one.name for one in strategy.parameters}
            given = {**{name: value for name, value in asked.preset.items() if name in declared}, **asked.given}
            wrong = parameters_problems(strategy, given)
            if wrong:
                return Trial(parameters=tuple(wrong))
            params = resolve(strategy, given)
    except ConfigError as error:
        return Trial(refused=_explained(error.problems, asked))
    line = step_line(strategy)
    begin(COMPILING, line)
    refused = lint.compile_problems(strategy, params, own)
    if not refused:
        begin(STEPPING, line)
        refused = lint.first_problems(strategy, params, own)
    if refused:
        return Trial(refused=_explained(refused, asked))
    found = lint.trial_problems(strategy, params, own)
    if any(MEMORY_ERROR in one for one in found):
        return Trial(refused=_explained(found, asked))
    return Trial(unsound=tuple(found))


def _explained(problems: Sequence[str], asked: Asked) -> tuple[str, ...]:
    allowed = f"a trial may take {asked.memory // MEGABYTE:,} MB beyond the compiler's"
    return tuple(f"{one}; {allowed}" if MEMORY_ERROR in one else one for one in problems)


def _limit(memory: int) -> None:
    """No more than so many bytes beyond what is taken; without the module or the limit nothing is limited."""
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = psutil.Process().memory_info().vms + memory
    try:
        resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    except (OSError, ValueError):
        return  # not to be had on this system


def _end(out: BinaryIO) -> None:
    """At once: threads and exit handlers of the file's own are not waited for."""
    out.close()
    os._exit(0)
