"""A strategy of a user's own: one file NAME.py outside the packages, imported by its path.

Its module has a name that carries a hash of path and source: two files, or two states of one, never meet in a process.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from keyword import iskeyword
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from domain.errors import ConfigError
from domain.registry import build
from strategies import STRATEGIES

if TYPE_CHECKING:
    from strategies.base import Strategy

RESERVED = ("name",)
"""No parameter may be called so: the configuration means something else by it."""


class OwnFile(msgspec.Struct, frozen=True):
    """A user's file as it was read: its absolute path, and its bytes."""

    path: str
    source: bytes

    @property
    def name(self) -> str:
        """Of the strategy: the file's without its suffix."""
        return Path(self.path).stem

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.source).hexdigest()


def files_in(folder: str | Path) -> dict[str, Path]:
    """Name to file, for every file in the folder that may hold a strategy. Raises ConfigError if it cannot be read."""
    try:
        found = sorted(Path(folder).iterdir())
    except OSError as error:
        raise ConfigError(f"strategies folder {folder} cannot be read: {error.strerror or error}") from error
    return {one.stem: one for one in found if one.suffix == ".py" and nameable(one.stem) and one.is_file()}


def nameable(name: str) -> bool:
    """Whether a function may be called so, and its file."""
    return name.isidentifier() and not iskeyword(name) and not name.startswith("_")


def read(path: str | Path) -> OwnFile:
    """Raises ConfigError for a file that cannot be read, or whose name cannot be a strategy's."""
    whole = Path(path).expanduser().absolute()
    if whole.suffix != ".py" or not nameable(whole.stem):
        raise ConfigError(f"strategy file {whole}: name it NAME.py after its strategy, in letters, digits and _")
    try:
        return OwnFile(str(whole), whole.read_bytes())
    except OSError as error:
        raise ConfigError(f"strategy file {whole} cannot be read: {error.strerror or error}") from error


def strategy_named(name: str, own: OwnFile | None = None) -> Strategy:
    """The shipped strategy of that name, or the one in the user's file. Raises ConfigError with file and line."""
    if own is None:
        shipped: Strategy = build("strategy", name, STRATEGIES)
        return shipped
    from strategies.base import Strategy

    with faults_told(own.path):
        found = getattr(_module(own), name, None)
    if not isinstance(found, Strategy):
        what = "has no function" if found is None else f"line {_line_of(found)}: @strategy does not stand over"
        raise ConfigError(f"{own.path} {what} {name}: it needs a function {name} decorated by strategies.base.strategy")
    if found.name != name:
        raise ConfigError(f"{own.path} line {step_line(found)}: the function is called {found.name}, not {name}")
    taken = [one.name for one in found.parameters if one.name in RESERVED]
    if taken:
        raise ConfigError(f"{own.path}: a parameter may not be called {', '.join(taken)}; give it another name")
    return found


def step_line(strategy: Strategy) -> int:
    """The line at which its step begins."""
    return _line_of(getattr(strategy.step, "py_func", strategy.step))


def _line_of(found: Any) -> int:
    code = getattr(found, "__code__", None)
    return 1 if code is None else int(code.co_firstlineno)


def _module(own: OwnFile) -> ModuleType:
    name = f"argus_own_{own.name}_{hashlib.sha256(own.path.encode() + own.source).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = own.path
    code = compile(own.source, own.path, "exec", dont_inherit=True)
    sys.modules[name] = module  # the annotations of its parameters are looked up there
    complete = False
    try:
        exec(code, module.__dict__)
        complete = True
    finally:
        if not complete:
            del sys.modules[name]
    return module


@contextmanager
def faults_told(path: str) -> Iterator[None]:
    """Whatever the code in this file raises becomes a ConfigError that names the file and the line."""
    try:
        yield
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{path}{_where(error, path)}: {_what(error)}") from error


def _where(error: BaseException, path: str) -> str:
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == path else _last_line(error, path)
    return f" line {line}" if line else ""


def _last_line(error: BaseException, path: str) -> int | None:
    """The innermost line of the file: where the compiler points at, else of the traceback."""
    named = re.findall(rf'File "[^"\n]*{re.escape(Path(path).name)}", line (\d+)', str(error))
    if named:
        return int(named[-1])
    line = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _what(error: BaseException) -> str:
    """Kind and text in one line; of the compiler's many lines the first that tells something."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [one.strip() for one in plain.splitlines() if one.strip() and not one.startswith("Failed in nopython")]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
