"""The two tokens of a data folder: made once, kept in files that only their owner can read."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import stat
from pathlib import Path

import msgspec

from api.security.client import OPERATOR, READ_ONLY
from domain.errors import ConfigError

FILES = {OPERATOR: "api-token", READ_ONLY: "api-token-read-only"}

_FORM = re.compile(r"[A-Za-z0-9_-]{32,256}")
_MOST = 1024
"""Bytes that are read of a token's file."""


class Tokens(msgspec.Struct, frozen=True):
    """Both tokens. Never shown, logged or put into an address."""

    operator: str
    read_only: str

    def role(self, given: str) -> str | None:
        """The role that a token proves; takes as long for any text."""
        found = _digest(given)
        operator = hmac.compare_digest(found, _digest(self.operator))
        read_only = hmac.compare_digest(found, _digest(self.read_only))
        return OPERATOR if operator else READ_ONLY if read_only else None

    def key(self) -> bytes:
        """What sessions are signed with: a new operator's token ends them all."""
        return hmac.new(self.operator.encode(), b"argus sessions", hashlib.sha256).digest()

    def inside(self, text: str) -> bool:
        """Whether a text holds one of them."""
        return self.operator in text or self.read_only in text


def of(folder: Path) -> Tokens:
    """The tokens of a data folder, made if they are not there. Raises ConfigError for files that others can read."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = {role: _found(folder / name) or _made(folder / name) for role, name in FILES.items()}
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise ConfigError(f"{error.filename or folder}: the token cannot be kept there ({what})") from error
    if found[OPERATOR] == found[READ_ONLY]:
        raise ConfigError(f"{folder / FILES[READ_ONLY]} holds the operator's token: remove it, a new one is made")
    return Tokens(found[OPERATOR], found[READ_ONLY])


def read(file: Path) -> str:
    """The token in a file. Raises ConfigError if there is none, or others could read it."""
    try:
        found = _found(file)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror or type(error).__name__})") from error
    if found is None:
        raise ConfigError(f"{file}: no token is there; start a server first, or name another file")
    return found


def _found(file: Path) -> str | None:
    try:
        number = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        if file.is_symlink():
            raise ConfigError(f"{file} is a link: remove it, or name the file itself") from error
        raise
    with os.fdopen(number, "rb") as opened:
        _private(file, os.fstat(number))
        text = opened.read(_MOST).decode("ascii", "replace").strip()
    if not _FORM.fullmatch(text):
        raise ConfigError(f"{file} holds no token: remove it, and the next start makes a new one")
    return text


def _private(file: Path, said: os.stat_result) -> None:
    if not stat.S_ISREG(said.st_mode):
        raise ConfigError(f"{file} is no file: remove it, and the next start makes a new one")
    if os.name == "nt":
        return
    if said.st_mode & 0o077:
        raise ConfigError(
            f"{file} can be read by others (mode {stat.S_IMODE(said.st_mode):03o}): remove it, and the next start "
            f"makes a new token; or, if nobody has read it: chmod 600 {file}"
        )
    if said.st_uid not in (os.geteuid(), 0):
        raise ConfigError(f"{file} belongs to another user: name a data folder of your own with ARGUS_HOME")


def _made(file: Path) -> str:
    """A new token, written whole or not at all; of two that start together the first wins."""
    written = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    number = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "w") as opened:
            opened.write(f"{secrets.token_urlsafe(32)}\n")
            opened.flush()
            os.fsync(number)
        with contextlib.suppress(FileExistsError):
            os.rename(written, file) if os.name == "nt" else os.link(written, file)
    finally:
        written.unlink(missing_ok=True)
    return read(file)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
