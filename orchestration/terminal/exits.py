"""Exit codes, and the one place where an error becomes a message and a code."""

from __future__ import annotations

import functools
import inspect
import io
import os
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ParamSpec

import typer

from domain.errors import ArgusError, ConfigError, NotRunning

DONE, FAILED, USAGE, NOT_RUNNING, REFUSED, TIMED_OUT = 0, 1, 2, 3, 4, 5

CODES = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not running, 4 configuration or data refused, 5 timed out."

_DATABASE = (
    ("locked", "the database is held by another program: close it, or try again"),
    ("disk is full", "the disk of the database is full: make room"),
    ("readonly", "the database cannot be written: make the file and its folder writable"),
    ("unable to open", "the database cannot be opened: check its path and permissions"),
    ("malformed", "the database is damaged: run `db check`, restore a backup"),
)
"""What a driver says while it works, and what can be done."""

Given = ParamSpec("Given")


class Failed(ArgusError):
    """It was tried and did not succeed (exit code 1)."""


class NoAnswer(ArgusError):
    """The engine did not answer in time; it may still (exit code 5)."""


def exit_code(error: BaseException) -> int:
    """What the shell is told."""
    if isinstance(error, ConfigError):
        return USAGE if type(error).__name__ == "UsageError" else REFUSED  # named: its module is slow to load
    if isinstance(error, NotRunning):
        return NOT_RUNNING
    return TIMED_OUT if isinstance(error, NoAnswer) else FAILED


def explained(error: BaseException) -> list[str]:
    """What a person is told, one line per problem."""
    if isinstance(error, ConfigError):
        return list(error.problems) or ["the configuration is wrong"]
    if isinstance(error, ArgusError):
        return (str(error) or type(error).__name__).splitlines()
    if isinstance(error, ImportError):
        return [f"{error}: install the package (`python cli.py doctor` tells which are there)"]
    if isinstance(error, OSError):
        what = error.strerror or str(error) or type(error).__name__
        return [f"{error.filename}: {what}" if error.filename else what]
    said = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    advice = next((advice for sign, advice in _DATABASE if sign in said[0]), "the database did not do what was asked")
    return [f"{advice} ({_without_password(said[0])})"]


def guarded(verb: Callable[Given, int]) -> Callable[Given, None]:
    """The verb, with its errors told on stderr and its exit code given to the shell; ARGUS_DEBUG=1 shows where."""

    @functools.wraps(verb)
    def wired(*args: Given.args, **kwargs: Given.kwargs) -> None:
        try:
            code = verb(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:
            silence(sys.stdout)  # whoever read has read enough
            code = DONE
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            code = FAILED
        except _known() as error:
            if debugging(os.environ):
                raise
            for line in explained(error):
                print(f"error: {visible(line)}", file=sys.stderr)
            code = exit_code(error)
        if code:
            raise typer.Exit(code)

    wired.__doc__ = _paragraphs(verb.__doc__ or "")  # the help wraps by itself
    return wired


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(one.split()) for one in inspect.cleandoc(text).split("\n\n"))


def visible(text: str) -> str:
    """The text with everything escaped that a terminal would obey instead of show."""
    return text if text.isprintable() else "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def debugging(environ: Mapping[str, str]) -> bool:
    return environ.get("ARGUS_DEBUG", "") not in ("", "0")


def unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """For sys.excepthook: what nobody expected is a fault of this program, told in one line."""
    if debugging(os.environ) or issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    print(
        f"error: this should not have happened ({kind.__name__}: {visible(str(error))}): please report it, with what "
        "ARGUS_DEBUG=1 shows in addition",
        file=sys.stderr,
    )


def readable() -> None:
    """A stdout that cannot show a character shows another one in its place."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def silence(stream: Any) -> None:
    """What is still written to this stream goes nowhere, so that the end of the process is quiet."""
    try:
        number = stream.fileno()
    except (OSError, AttributeError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def _known() -> tuple[type[BaseException], ...]:
    """Asked when something was raised: SQLAlchemy's errors can only come from a SQLAlchemy that is loaded."""
    known: tuple[type[BaseException], ...] = (ArgusError, OSError, ImportError)
    if "sqlalchemy" in sys.modules:
        from sqlalchemy.exc import SQLAlchemyError

        known += (SQLAlchemyError,)
    return known


def _without_password(text: str) -> str:
    from journal.address import password_hidden

    return password_hidden(text)
