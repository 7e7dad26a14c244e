"""The key of an endpoint: read where it is used, never shown, never sent to another process."""

from __future__ import annotations

import hmac
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

from domain.errors import ConfigError
from research.config import OFFICIAL

VARIABLE, PACKAGE = "ARGUS__RESEARCH__API_KEY", "OPENAI_API_KEY"
FILE = "file:"
"""Either variable may name a file that holds the key and that only its owner can read: ``file:PATH``."""
HIDDEN = "***"

_ALLOWED = re.compile(r"[!#-&(-\[\]-~]{1,1024}", re.ASCII)  # printable, no space, quote or backslash
_LEAST = 8
"""A shorter key is no secret ("none", "ollama"), and hiding it would spoil texts that have the word."""
_SHAPES = (
    (re.compile(r"\b(?:sk|gsk|xai)[-_](?=[A-Za-z_*-]{0,200}[\d*])[\w*-]{12,}", re.ASCII), HIDDEN),
    (
        re.compile(r"\b(bearer|basic)\s{1,9}(?=[A-Za-z._~+/=*-]{0,200}\d)[\w.~+/=*-]{12,}", re.ASCII | re.IGNORECASE),
        rf"\1 {HIDDEN}",
    ),
    (
        re.compile(
            r"\b((?:x-)?api[-_ ]?key|authorization|access[-_]token|client[-_]secret)"
            r"""(["']?\s{0,9}[:=]\s{0,9}["']?)(?!bearer|basic)(?=[^\s"',&}\\\d*]{0,200}[\d*])[^\s"',&}\\]{8,}""",
            re.ASCII | re.IGNORECASE,
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"""(?<=://)[^/@\s"'\\]{1,1024}(?=@)"""), HIDDEN),
)


class Secret:
    """A key with where it is from. Shown, it is ***; it cannot be pickled: every process reads it for itself.

    Raises ConfigError, without the key, for one that no HTTP header can hold.
    """

    __slots__ = ("_value", "origin")

    def __init__(self, value: str, origin: str = "") -> None:
        if not _ALLOWED.fullmatch(value):
            raise ConfigError(f"{origin or 'the key'}: no key: printable ASCII without spaces, quotes and backslashes")
        self._value, self.origin = value, origin

    def reveal(self) -> str:
        """The key itself, for the header that needs it."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not sent to another process: it is read where it is used")


def find(environ: Mapping[str, str], key_file: str | None = None, base_url: str | None = None) -> Secret | None:
    """The key: of VARIABLE, else of the file, else of OPENAI_API_KEY; None if there is none.

    OPENAI_API_KEY is the key of one service: it is never sent to another's ``base_url``. Raises ConfigError for a
    file that cannot be read, that others can read, or that holds something else; no message tells the key.
    """
    if given := environ.get(VARIABLE, "").strip():
        return _given(given, VARIABLE)
    if key_file:
        return _read(Path(key_file), "research.key_file")
    given = environ.get(PACKAGE, "").strip()
    return _given(given, PACKAGE) if given and is_official(base_url) else None


def is_official(base_url: str | None) -> bool:
    """Whether this is OpenAI's own service, over TLS."""
    try:
        parts = urlsplit(base_url or OFFICIAL)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme == "https" and (host == "api.openai.com" or host.endswith(".api.openai.com"))


def redact(text: str, secret: Secret | None = None) -> str:
    """``text`` without this key, whole, cut or written for a URL, and without what looks like any other."""
    value = "" if secret is None else secret.reveal()
    if len(value) >= _LEAST:
        text = text.replace(value, HIDDEN).replace(quote(value, safe=""), HIDDEN)
    if len(value) >= 2 * _LEAST:
        text = re.sub(re.escape(value[:_LEAST]) + r"""[^\s"'<>,}\\]*""", HIDDEN, text)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def redacted(value: Any, secret: Secret | None = None) -> Any:
    """A JSON value with every text in it redacted, names too."""
    if isinstance(value, str):
        return redact(value, secret)
    if isinstance(value, list):
        return [redacted(one, secret) for one in value]
    if isinstance(value, dict):
        return {redact(str(key), secret): redacted(one, secret) for key, one in value.items()}
    return value


def _given(given: str, origin: str) -> Secret:
    if given.startswith(FILE):
        return _read(Path(given.removeprefix(FILE)), origin)
    return Secret(given, origin)


def _read(path: Path, origin: str) -> Secret:
    """The one word of an ordinary file that nobody but its owner may read."""
    path = path.expanduser()
    where = f"{origin}: {path}"
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(number, "rb") as file:
            said = os.fstat(number)
            if not stat.S_ISREG(said.st_mode):
                raise ConfigError(f"{where} is no ordinary file")
            if os.name == "posix" and said.st_mode & 0o077:
                raise ConfigError(f"{where} can be read by others: chmod 600 {path}")
            text = file.read(4096)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no path"
        raise ConfigError(f"{where}: {why}") from None
    words = text.decode("ascii", "replace").split()
    if len(words) != 1:
        raise ConfigError(f"{where}: one key and nothing else belongs in it")
    return Secret(words[0], where)
