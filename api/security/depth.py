"""How deeply JSON is nested, without reading it as JSON: a parser's stack is not for strangers to fill."""

from __future__ import annotations

import re

_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_REST = bytes(one for one in range(256) if one not in b"[]{}")


def deeper(body: bytes, most: int) -> bool:
    """Whether arrays and objects stand in each other more than ``most`` times."""
    brackets = _TEXTS.sub(b"", body).translate(None, _REST)
    depth = 0
    for one in brackets:
        depth += 1 if one in b"[{" else -1
        if depth > most:
            return True
    return False
