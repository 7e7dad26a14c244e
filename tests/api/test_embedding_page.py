"""The examples of docs/how-to/embed.md do what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from domain.events import ALERT, TRADE_EXECUTION
from journal import database
from tests.api.stream_desk import Desk, soon

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "embed.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_every_example_is_python() -> None:
    assert len(EXAMPLES) == 4
    for one in EXAMPLES:
        compile(one, str(PAGE), "exec")


def test_the_first_example_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path))
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    desk = Desk(url, "run")
    paged: list[Any] = []

    async def send_to_my_pager(data: Any) -> None:
        paged.append(data)
        raise RuntimeError("nobody answers")

    said: list[str] = []

    def meanwhile(prompt: str) -> str:
        desk.write(kind=TRADE_EXECUTION, symbol="BTC")
        desk.write(kind=ALERT)
        soon(lambda: len(said) == 2)
        return ""

    def heard(*words: Any) -> None:
        said.append(" ".join(map(str, words)))

    names = {"send_to_my_pager": send_to_my_pager, "input": meanwhile, "print": heard}
    exec(EXAMPLES[0], names)
    desk.close()

    assert paged == [{"n": 2}]
    assert sorted(said) == [
        "alarmed failed 1 times, last: RuntimeError: nobody answers",
        "filled failed 1 times, last: KeyError: 'side'",
    ]
