"""How verbs say things on stdout: tables for people, aligned text for pipes, one JSON document for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from orchestration.terminal.exits import visible

Plain = dict[str, Any]


class Column(NamedTuple):
    """A column of a table: its title and the text of a row."""

    title: str
    text: Callable[[Plain], str]
    right: bool = False


def say(*lines: str) -> None:
    for line in lines:
        print(visible(line))


def print_json(value: Any) -> None:
    """One strict JSON document in one line of UTF-8, flushed."""
    import msgspec

    put_bytes(msgspec.json.encode(value) + b"\n")


def put_bytes(line: bytes) -> None:
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(line.decode())
    else:
        sys.stdout.flush()
        stream.write(line)
    sys.stdout.flush()


def print_table(columns: Sequence[Column], rows: Iterable[Plain], empty: str) -> None:
    """A table on a terminal, aligned text in a pipe; ``empty`` where there are no rows."""
    texts = [[visible(column.text(row)) for column in columns] for row in rows]
    if not texts:
        say(empty)
    elif sys.stdout.isatty():
        _rich(columns, texts)
    else:
        say(*aligned([[one.title for one in columns], *texts], [one.right for one in columns]))


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Name and value, one pair a line."""
    width = max((len(name) for name, _ in facts), default=0)
    say(*(f"{name.ljust(width)}  {value}".rstrip() for name, value in facts))


def aligned(texts: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Lines with their columns under each other."""
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in texts
    ]


def _rich(columns: Sequence[Column], texts: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for line in texts:
        table.add_row(*map(Text, line))
    Console().print(table)
