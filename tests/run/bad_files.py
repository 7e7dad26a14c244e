"""Files of bars with one thing wrong each, and configurations and databases that cannot be used."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

HEADER = "ts,open,high,low,close"
BARS = 40


def rows(changes: dict[tuple[int, int], str] | None = None, day: str = "2024-01-02", count: int = BARS) -> list[str]:
    """One-minute bars around 1.1; ``changes`` are cells by row and column, from 0."""
    made = []
    for row in range(count):
        cells = [f"{day}T00:{row:02d}:00Z", "1.1", "1.101", "1.099", "1.1"]
        for (at, column), text in (changes or {}).items():
            if at == row:
                cells[column] = text
        made.append(",".join(cells))
    return made


def text(bars: Sequence[str], header: str = HEADER) -> str:
    return "\n".join((header, *bars)) + "\n"


def table(**columns: object) -> pa.Table:
    """A good parquet table with some columns replaced, or left out (None)."""
    stamps = pa.array(1_704_153_600_000_000_000 + np.arange(BARS) * 60_000_000_000).cast(pa.timestamp("ns", "UTC"))
    prices = {"open": 1.1, "high": 1.101, "low": 1.099, "close": 1.1}
    good = {"ts": stamps} | {name: pa.array([price] * BARS) for name, price in prices.items()} | columns
    return pa.table({name: one for name, one in good.items() if one is not None})


def write(folder: Path) -> None:
    """All of them."""
    _csv(folder)
    _parquet(folder)
    _not_files(folder)
    _configurations(folder)
    _databases(folder)


def _csv(folder: Path) -> None:
    good = rows()
    texts = {
        "good": text(good),
        "late": text(rows(day="2025-01-02")),
        "headers": text([]),
        "one_row": text(good[:1]),
        "short_row": text([*good[:9], "2024-01-02T00:09"]),
        "no_close": text([one.rpartition(",")[0] for one in good], "ts,open,high,low"),
        "word": text(rows({(5, 1): "abc"})),
        "thousands": text(rows({(5, 1): '"1,100.5"'})),
        "escapes": text(rows({(5, 1): "\x1b[31mred\x07"})),
        "escapes_above": text(good, "\x1b[31mts,op\x07en,high,low,close"),
        "unsorted": text(good[::-1]),
        "duplicate": text(good[:10] + good[9:]),
        "nan": text(rows({(5, 4): "nan"})),
        "zero": text(rows({(5, 3): "0"})),
        "negative": text(rows({(5, 3): "-1.1"})),
        "crossed": text(rows({(5, 2): "1.0", (5, 1): "1.0", (5, 4): "1.0"})),
        "huge": text([one.replace("1.1", "1e300") for one in good]),
        "tiny": text([one.replace("1.1", "1e-300").replace("1.099", "1e-300") for one in good]),
        "naive": text([one.replace("Z", "") for one in good]),
        "yesterday": text(rows({(5, 0): "yesterday"})),
        "semicolons": text(good, HEADER).replace(",", ";"),
        "capitals": text(good, HEADER.upper()),
        "returns": text(good).replace("\n", "\r"),
    }
    for name, content in texts.items():
        (folder / f"{name}.csv").write_text(content, newline="")
    (folder / "bom_and_crlf.csv").write_bytes(b"\xef\xbb\xbf" + text(good).replace("\n", "\r\n").encode())
    (folder / "wide.csv").write_text(text(good), encoding="utf-16")
    (folder / "empty.csv").touch()
    (folder / "\x1b[31mempty.csv").touch()


def _parquet(folder: Path) -> None:
    tables = {
        "good": table(),
        "no_close": table(close=None),
        "words": table(close=pa.array(["1.1"] * BARS)),
        "lists": table(close=pa.array([[1.1]] * BARS)),
        "whole_stamps": table(ts=pa.array(range(BARS))),
        "naive": table(ts=table()["ts"].cast(pa.timestamp("ns"))),
        "one_row": table().slice(0, 1),
        "no_rows": table().slice(0, 0),
    }
    for name, one in tables.items():
        parquet.write_table(one, folder / f"{name}.parquet")
    whole = (folder / "good.parquet").read_bytes()
    (folder / "truncated.parquet").write_bytes(whole[: len(whole) // 2])
    (folder / "damaged.parquet").write_bytes(b"PAR1" + b"x" * 100 + b"PAR1")
    (folder / "is_csv.parquet").write_text(text(rows()))
    (folder / "is_parquet.csv").write_bytes(whole)
    (folder / "X_H1.parquet").write_bytes(whole)


def _not_files(folder: Path) -> None:
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    os.mkfifo(folder / "pipe.yaml")
    (folder / "loop.csv").symlink_to(folder / "pool.csv")
    (folder / "pool.csv").symlink_to(folder / "loop.csv")
    (folder / "file").touch()


def _configurations(folder: Path) -> None:
    texts = {
        "wrong": "risk: {max_open_positions: many, foo: 1}\nbar: 2\npreset: nope\n",
        "broken": "a: [1",
        "alias": "a: &a [1]\nb: *a\n",
        "deep": "a: " + "[" * 1000,
    }
    for name, content in texts.items():
        (folder / f"{name}.yaml").write_text(content)
    (folder / "bytes.yaml").write_bytes(b"\xff\xfe\x00")


def _databases(folder: Path) -> None:
    (folder / "text.db").write_text("not a database" * 100)
    for name, script in {
        "newer": "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('9999\x1b[31m')",
        "foreign": "CREATE TABLE customers (id)",
    }.items():
        connection = sqlite3.connect(folder / f"{name}.db")
        connection.executescript(script)
        connection.close()
