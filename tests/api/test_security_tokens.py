"""The tokens' files: made once, for their owner only."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from api.security import tokens
from api.security.client import OPERATOR, READ_ONLY
from domain.errors import ConfigError

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")


def test_two_tokens_are_made_once(tmp_path: Path) -> None:
    first, again = tokens.of(tmp_path / "new"), tokens.of(tmp_path / "new")

    assert first == again
    assert first.operator != first.read_only
    assert min(len(first.operator), len(first.read_only)) >= 43
    assert sorted(one.name for one in (tmp_path / "new").iterdir()) == ["api-token", "api-token-read-only"]


@posix
def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        tokens.of(tmp_path)
    finally:
        os.umask(before)

    assert {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()} == {0o600}


def test_of_many_that_start_together_all_have_the_same(tmp_path: Path) -> None:
    found: list[tokens.Tokens] = []
    gate = threading.Barrier(8)

    def start() -> None:
        gate.wait()
        found.append(tokens.of(tmp_path))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert len(found) == 8
    assert len({(one.operator, one.read_only) for one in found}) == 1
    assert len(list(tmp_path.iterdir())) == 2


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_can_use_is_refused_with_the_way_out(tmp_path: Path, mode: int) -> None:
    tokens.of(tmp_path)
    (tmp_path / "api-token").chmod(mode)

    with pytest.raises(ConfigError, match=r"can be read by others.*chmod 600"):
        tokens.of(tmp_path)


@posix
def test_a_link_and_a_folder_are_refused(tmp_path: Path) -> None:
    tokens.of(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "api-token").symlink_to(tmp_path / "a" / "api-token")
    (tmp_path / "c" / "api-token").mkdir(parents=True)

    for folder in ("b", "c"):
        with pytest.raises(ConfigError):
            tokens.of(tmp_path / folder)


@posix
def test_a_pipe_in_its_place_does_not_hang_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "api-token", 0o600)

    with pytest.raises(ConfigError, match="is no file"):
        tokens.of(tmp_path)


@pytest.mark.parametrize("text", ["", "short", "x" * 300, "with space " * 5, "\0" * 40])
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str) -> None:
    tokens.of(tmp_path)
    (tmp_path / "api-token").write_text(text)

    with pytest.raises(ConfigError, match="holds no token"):
        tokens.of(tmp_path)


def test_the_same_token_for_both_roles_is_refused(tmp_path: Path) -> None:
    made = tokens.of(tmp_path)
    (tmp_path / "api-token-read-only").write_text(made.operator)

    with pytest.raises(ConfigError, match="holds the operator's token"):
        tokens.of(tmp_path)


def test_a_token_proves_its_role_and_nothing_else_does(tmp_path: Path) -> None:
    made = tokens.of(tmp_path)

    assert made.role(made.operator) == OPERATOR
    assert made.role(made.read_only) == READ_ONLY
    for wrong in ("", made.operator[:-1], made.operator + "x", made.operator.lower(), "é" * 43, "\ud800"):
        assert made.role(wrong) is None


def test_a_new_operators_token_ends_all_sessions(tmp_path: Path) -> None:
    before = tokens.of(tmp_path)
    (tmp_path / "api-token").unlink()
    after = tokens.of(tmp_path)

    assert after.key() != before.key()
    assert after.read_only == before.read_only


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no token is there"):
        tokens.read(tmp_path / "none")
