"""Hygiene of texts from outside: plain characters, no markup, short.

Nothing here makes a text safe to obey. What makes it harmless is that only the reader sees it, and that the reader
answers in enums and scores.
"""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

_DROPPED = frozenset(("Cf", "Co", "Cs", "Cn"))
_CONTROLS = {code: " " for code in (*range(32), 127)}
_NO_LETTERS = re.compile(r"[^a-z0-9]+")
_MARKS = 2
"""Combining marks that may follow each other."""

_ALIKE = {
    int(code, 16): letter
    for letter, *codes in map(
        str.split,
        """
        a 0430 03b1 0251 1d00
        b 0432 03b2 0299
        c 0441 1d04
        d 0501 0111 1d05
        e 0435 03b5 1d07
        f 0192 a730
        g 050d 0261 0262
        h 043d 04bb 029c
        i 0456 03b9 0131 0269 026a
        j 0458 1d0a
        k 043a 03ba 1d0b
        l 04cf 0142 029f
        m 043c 1d0d
        n 043f 03b7 0274
        o 043e 03bf 00f8 1d0f
        p 0440 03c1 1d18
        q 051b
        r 0433 0280
        s 0455 a731
        t 0442 03c4 1d1b
        u 03bc 03c5 1d1c
        v 0475 03bd 1d20
        w 051d 0461 03c9 1d21
        x 0445 03c7
        y 0443 03b3 028f
        z 03b6 1d22
        """.strip().splitlines(),
    )
    for code in codes
}
"""Code points (hex) of small letters, most of them Cyrillic and Greek, that look like a Latin one."""


def cleaned(text: str, most: int) -> str:
    """One line of at most ``most`` visible characters: compatibility forms made plain (NFKC), without control,
    zero-width, bidirectional and unassigned characters, without stacked marks, spaces collapsed."""
    text = text[: 4 * most]
    if text.isascii():
        return " ".join(text.translate(_CONTROLS).split())[:most].rstrip()
    plain = unicodedata.normalize("NFKC", text)[: 4 * most]
    kept: list[str] = []
    marks = 0
    for one in plain:
        kind = unicodedata.category(one)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if kind == "Cc" or kind[0] == "Z":
            kept.append(" ")
        elif kind not in _DROPPED and marks <= _MARKS and not "\ufe00" <= one <= "\ufe0f":
            kept.append(one)
    return " ".join("".join(kept).split())[:most].rstrip()


def folded(text: str) -> str:
    """For comparing: small letters and digits only, marks dropped, letters of other scripts that look like Latin ones
    made Latin. Not for showing."""
    if text.isascii():
        return _NO_LETTERS.sub(" ", text.lower()).strip()
    apart = unicodedata.normalize("NFKD", cleaned(text, 4 * len(text) + 4).casefold())
    plain = "".join(one for one in apart if not unicodedata.combining(one)).translate(_ALIKE)
    return " ".join("".join(one if one.isalnum() else " " for one in plain).split())


class _Words(HTMLParser):
    """The words of a text with markup; scripts, styles and comments have none."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._inside = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._inside += tag in ("script", "style")
        self.words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._inside = max(0, self._inside - (tag in ("script", "style")))
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.words.append(data)


def without_markup(text: str) -> str:
    """The words of HTML or of plain text, its links' addresses and pictures left out."""
    if "<" in text or "&" in text:
        reader = _Words()
        reader.feed(text)
        reader.close()
        text = "".join(reader.words)
    text = _MARKDOWN.sub(r"\1", text)
    return _ADDRESS.sub(" ", text)


_MARKDOWN = re.compile(r"!?\[([^\]\n]{0,200})\]\([^)\n]{0,400}\)")
_ADDRESS = re.compile(r"\b(?:https?|data|javascript|ftp)\s*:\s*\S+", re.IGNORECASE)
