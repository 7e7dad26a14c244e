"""A search in a folder: what was asked for, every trial as it comes, and in the end what was found.

``study.json`` is written once, ``trials.jsonl`` grows by a line per trial and is synced: what ended a search in the
middle took at most the trials that were being tried.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec

from domain.errors import ConfigError
from orchestration.backtest.reports.writing import write_bytes
from orchestration.backtest.searches.splits import Window
from orchestration.backtest.searches.trials import Trial
from orchestration.settings import Overrides, Settings

STUDY, TRIALS, TABLE, BEST, TOLD, PAGE = (
    "study.json",
    "trials.jsonl",
    "trials.parquet",
    "best.yaml",
    "optimise.json",
    "report.html",
)
FORMAT = 1
OPTION = "--out"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asked of a search, as it was typed."""

    space: tuple[str, ...] = ()
    objective: str = "sharpe"
    constraints: tuple[str, ...] = ()
    trials: int = 200
    algorithm: str = "tpe"
    seed: int = 7
    oos: float = 0.3
    keep: float = 0.5
    lag: int = 8


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """What a search is made of. ``inputs`` are the feed's: path and sha256 of each symbol's bars. ``looks``: how many
    times the bars out of sample have been looked at."""

    format: int
    asked: Asked
    overrides: dict[str, Any]
    configuration: dict[str, Any]
    strategy_sha256: str
    proposes: str
    inputs: dict[str, dict[str, Any]]
    window: Window
    looks: int = 0

    def given(self) -> Overrides:
        """The options as they were typed."""
        typed: dict[str, Any] = {
            key: tuple(one) if isinstance(one, list) else one for key, one in self.overrides.items()
        }
        return Overrides(**typed)


def study_of(
    asked: Asked, given: Overrides, settings: Settings, inputs: Mapping[str, Any], window: Window, proposes: str
) -> Study:
    return Study(
        format=FORMAT,
        asked=asked,
        overrides=asdict(given),
        configuration=_configuration(settings),
        strategy_sha256=settings.strategy.sha256,
        proposes=proposes,
        inputs=msgspec.to_builtins(dict(inputs)),
        window=window,
    )


def _configuration(settings: Settings) -> dict[str, Any]:
    written: dict[str, Any] = msgspec.to_builtins({key: one.value for key, one in settings.written.items()})
    return written


def anywhere(given: Overrides) -> Overrides:
    """The same from whatever folder it is gone on with."""

    def whole(path: str) -> str:
        return os.path.abspath(os.path.expanduser(path))

    def named(text: str) -> str:
        symbol, equals, path = text.partition("=")
        return f"{symbol}={whole(path)}" if equals else whole(text)

    folder = given.strategies_dir
    return replace(
        given,
        data=tuple(map(named, given.data)),
        config=tuple(whole(str(one)) for one in given.config),
        strategies_dir=None if folder is None else whole(folder),
    )


class Folder:
    """The files of one study. Every trial is on the disk when ``keep`` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: Any = None

    def begin(self, study: Study) -> None:
        """Raises ConfigError where the folder cannot be used, or holds a study."""
        if (self.path / STUDY).exists():
            raise ConfigError(
                f"{OPTION} {self.path} holds a study: go on with it by --resume {self.path}, or name another folder"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{OPTION} {self.path} cannot be made ({error.strerror})") from error
        self.write(study)

    def write(self, study: Study) -> None:
        write_bytes(msgspec.json.format(msgspec.json.encode(study), indent=2) + b"\n", self.path / STUDY, OPTION)

    def study(self) -> Study:
        """Raises ConfigError where there is none."""
        path = self.path / STUDY
        try:
            found = msgspec.json.decode(path.read_bytes(), type=Study)
        except OSError as error:
            raise ConfigError(
                f"--resume {self.path}: no study is there ({path.name}: {error.strerror}); --out begins one"
            ) from error
        except msgspec.DecodeError as error:
            raise ConfigError(f"--resume: {path} is not readable as a study ({error})") from error
        if found.format != FORMAT:
            raise ConfigError(f"--resume: {path} has format {found.format}, known is {FORMAT}: begin a new study")
        return found

    def trials(self) -> dict[int, Trial]:
        """By number. A last line that was not written to its end is dropped."""
        path = self.path / TRIALS
        if not path.exists():
            return {}
        text = path.read_bytes()
        whole = text.rfind(b"\n") + 1
        if whole < len(text):
            with path.open("r+b") as file:
                file.truncate(whole)
        found = {}
        for number, line in enumerate(text[:whole].splitlines(), 1):
            try:
                one = msgspec.json.decode(line, type=Trial)
            except msgspec.DecodeError as error:
                raise ConfigError(
                    f"--resume: {path} line {number} is not a trial ({error}): begin a new study"
                ) from error
            found[one.number] = one
        return found

    def keep(self, trial: Trial) -> None:
        if self._lines is None:
            self._lines = (self.path / TRIALS).open("ab")
        self._lines.write(msgspec.json.encode(trial) + b"\n")
        self._lines.flush()
        os.fsync(self._lines.fileno())

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def table(self, trials: Sequence[Trial]) -> None:
        """``trials.parquet``: a row per proposal, values and metrics as columns."""
        import pyarrow
        from pyarrow import parquet

        rows = [_row(one) for one in trials]
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {name: _column([row.get(name) for row in rows]) for name in names}
        sink = pyarrow.BufferOutputStream()
        parquet.write_table(pyarrow.table(columns), sink, compression="zstd")
        write_bytes(sink.getvalue().to_pybytes(), self.path / TABLE, OPTION)


def _row(trial: Trial) -> dict[str, Any]:
    told = msgspec.structs.asdict(trial)
    values, metrics, rungs = told.pop("values"), told.pop("metrics"), told.pop("rungs")
    return {**told, "parts": len(rungs), **values, **{f"metrics.{name}": one for name, one in metrics.items()}}


def _column(values: list[Any]) -> list[Any]:
    """One type each: whole numbers beside others become those, anything beside text becomes text."""
    kinds = {type(one) for one in values if one is not None}
    if kinds <= {int} or kinds <= {bool} or kinds <= {str}:
        return values
    kind: Any = float if kinds <= {int, float} else str
    return [None if one is None else kind(one) for one in values]


def unchanged(study: Study, settings: Settings, inputs: Mapping[str, Any], window: Window, proposes: str) -> None:
    """Raises ConfigError where a search cannot go on: bars, configuration or strategy are not those it began with."""
    problems = []
    now = msgspec.to_builtins(dict(inputs))
    for symbol in sorted({*study.inputs, *now}):
        was, found = study.inputs.get(symbol), now.get(symbol)
        if was != found:
            problems.append(_data_changed(symbol, was or {}, found or {}))
    if not problems and window != study.window:
        problems.append(
            "the bars are not those that the study began with: in sample "
            f"{study.window.inside.sha256}, now {window.inside.sha256}; put the data back, or begin a new study"
        )
    written = _configuration(settings)
    other = [
        key for key in sorted({*study.configuration, *written}) if study.configuration.get(key) != written.get(key)
    ]
    if other:
        first = other[0]
        problems.append(
            f"the configuration is not the one that the study began with: {first} was "
            f"{study.configuration.get(first)!r}, is {written.get(first)!r}"
            + (f" (and {len(other) - 1} more keys)" if len(other) > 1 else "")
            + "; put it back (files, ARGUS__ variables), or begin a new study"
        )
    if study.strategy_sha256 != settings.strategy.sha256:
        problems.append(
            f"the file of strategy {settings.strategy.name} has changed: sha256 was {study.strategy_sha256}, is "
            f"{settings.strategy.sha256}; put it back as it was, or begin a new study"
        )
    if study.proposes != proposes:
        problems.append(
            f"the study's proposals came from {study.proposes}, here is {proposes}: it may propose others; install "
            "that version, or begin a new study"
        )
    if problems:
        raise ConfigError(problems)


def _data_changed(symbol: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    name = "the simulated market" if symbol == "*" else symbol
    if before.get("sha256") != now.get("sha256"):
        return (
            f"{name}: the data file {now.get('path', before.get('path'))} has changed since the study began: sha256 "
            f"was {before.get('sha256')}, is {now.get('sha256')}; put it back as it was, or begin a new study"
        )
    key = next(one for one in (*before, *now) if before.get(one) != now.get(one))
    return f"{name}: {key} was {before.get(key)}, is {now.get(key)}; put it back, or begin a new study"
