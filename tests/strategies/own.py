"""Strategy files of a user, good and bad, as tests write them."""

from __future__ import annotations

from pathlib import Path

HEAD = '''
from typing import Annotated, NamedTuple

from strategies.base import OWN, PROBABILITY, REASON, SCORE, SEEN, STANCE, STOP, TARGET, ClosedBar, Row, strategy
from strategies.parameters import Between


class Params(NamedTuple):
    """What can be set."""

    length: Annotated[int, Between(1, 100, "bars", "how far back it looks")] = 3


memory = []


@strategy(
    params=Params, own_slots=lambda params: 1, warm_up=lambda params: {warm_up}, words=("NONE",), compiled={compiled}
)
def {name}(state: Row, bar: ClosedBar, params: Params) -> int:
    """A test's."""
'''
HEAD_LINES = HEAD.count("\n")
FOLLOWING = """
    up = bar.close > state[OWN]
    state[OWN] = bar.close
    state[SCORE] = state[PROBABILITY] = 0.5
    return 1 if up else -1
"""
"""Long after a bar that closed higher, short after one that closed lower."""


def write(
    folder: Path, name: str = "mine", body: str = FOLLOWING, compiled: bool = False, warm_up: str = "params.length"
) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.py"
    file.write_text(HEAD.format(name=name, compiled=compiled, warm_up=warm_up) + body.lstrip("\n"), encoding="utf-8")
    return file


def line_of(file: Path, text: str) -> int:
    """The number of the line that holds the text."""
    return next(n for n, one in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if text in one)
