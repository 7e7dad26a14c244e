"""How the report writes: escaped text, numbers, tables."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domain.timeframe import iso
from orchestration.terminal.figures import NOTHING

MINUS = "\N{MINUS SIGN}"


def safe(value: object) -> str:
    """Text that a browser shows as it is: nothing in it is markup, what cannot be seen is spelled out. Charts read
    the same few entities as a page does."""
    text = str(value)
    if not text.isprintable():
        text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    return html.escape(text).replace("&quot;", "&#34;")  # which is the only name for it that plotly knows


def number(value: float | None, decimals: int = 2, *, sign: bool = False) -> str:
    """With thousands separators and a real minus; ``-`` where there is no finite number."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:+,.{decimals}f}" if sign else f"{value:,.{decimals}f}"
    if not float(text.replace(",", "")):
        return f"{0:.{decimals}f}"
    return text.replace("-", MINUS)


def share(value: float | None, decimals: int = 2, *, sign: bool = False) -> str:
    """A fraction in per cent."""
    return NOTHING if value is None else _with_unit(number(value * 100, decimals, sign=sign), "%")


def times(value: float | None) -> str:
    return _with_unit(number(value), "\N{MULTIPLICATION SIGN}")


def _with_unit(text: str, unit: str) -> str:
    return text if text == NOTHING else f"{text}\N{NO-BREAK SPACE}{unit}"


def moment(at: int) -> str:
    """UTC to the second."""
    return iso(at)[:19].replace("T", " ")


def lasting(nanos: float) -> str:
    """A length of time in its two largest units."""
    seconds = int(nanos // 10**9)
    parts = [(seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    told = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(told[:2]) or "0 s"


Rows = Iterable[Sequence[str]]


def table(name: str, heads: Sequence[str], rows: Rows | Mapping[str, Rows], *, left: int = 1) -> str:
    """Cells are HTML, those of the first ``left`` columns text, the others numbers. Rows may come in named groups."""
    kinds = ["" if place < left else ' class="n"' for place in range(len(heads))]
    head = "".join(f'<th scope="col"{kind}>{one}</th>' for one, kind in zip(heads, kinds, strict=True))
    groups = rows if isinstance(rows, Mapping) else {"": rows}
    bodies = []
    for group, lines in groups.items():
        title = f'<tr class="group"><th scope="rowgroup" colspan="{len(heads)}">{group}</th></tr>\n' if group else ""
        cells = (zip(line, kinds, strict=True) for line in lines)
        made = "\n".join(f"<tr>{''.join(f'<td{kind}>{cell}</td>' for cell, kind in line)}</tr>" for line in cells)
        bodies.append(f"<tbody>{title}{made}</tbody>")
    return (
        f'<div class="wide" tabindex="0"><table id="{name}"><thead><tr>{head}</tr></thead>\n'
        f"{''.join(bodies)}</table></div>"
    )


def signed(value: float | None, text: str) -> str:
    """The text, coloured by the sign of the value."""
    if value is None or not value:
        return text
    return f'<span class="{"won" if value > 0 else "lost"}">{text}</span>'


def coded(value: Any) -> str:
    return f"<code>{safe(value)}</code>"


def bullets(texts: Iterable[str], most: int = 20) -> str:
    """A list of the first so many."""
    texts = list(texts)
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return "<ul>" + "".join(f"<li>{safe(one)}</li>" for one in [*texts[:most], *more]) + "</ul>"
