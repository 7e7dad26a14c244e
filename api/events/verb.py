"""The verb ``events schema``: what every event says, for people and as JSON Schema for programs."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.terminal.exits import DONE, guarded
from orchestration.terminal.options import AsJson
from orchestration.terminal.output import Column, print_json, print_table, say

EXAMPLES = """Examples:

  python cli.py events schema TRADE_EXECUTION

  python cli.py events schema --json > events.schema.json"""


@guarded
def schema(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="TYPE", help="Like TRADE_EXECUTION; in any case.", show_default="all types"),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show what events say: the fields of a type and what they mean.

    With --json the JSON Schema (2020-12) of a whole event of the type, or of every event, with which a program can
    check what it reads or make its own types. docs/events.md has it all on one page.
    """
    from api.events import page, registry
    from domain.events import ALERT

    chosen = None if kind is None else _known(kind)
    if as_json:
        print_json(registry.schema(chosen))
    elif chosen is None:
        rows = [
            {"type": one, "meaning": page.meaning(model) if one != ALERT else "What a person should hear of."}
            for kinds, model in page.groups()
            for one in kinds
        ]
        print_table([Column("type", lambda row: row["type"]), Column("says", lambda row: row["meaning"])], rows, "")
    elif chosen == ALERT:
        from api.events import alerts

        for model in alerts.KINDS:
            _tell(" ".join(alerts.names(model)), model)
    else:
        _tell(chosen, registry.MODELS[chosen])
    return DONE


def _known(kind: str) -> str:
    from domain.events import TYPES
    from domain.registry import unknown
    from orchestration.settings import UsageError

    name = kind.strip().upper()
    if name not in TYPES:
        raise UsageError(unknown("event type", kind, TYPES))
    return name


def _tell(title: str, model: type) -> None:
    """The fields of one model; what a mapping inside holds comes after it."""
    from api.events import page

    say(f"{title}: {page.meaning(model)}")
    rows = [{"field": name, "is": kind, "meaning": what} for name, kind, what in page.fields(model)]
    columns = [Column(name, lambda row, name=name: row[name].replace("`", "")) for name in ("field", "is", "meaning")]  # type: ignore[misc]
    print_table(columns, rows, "no fields")
    for part in page.parts(model):
        _tell(part.__name__, part)
    say("")
