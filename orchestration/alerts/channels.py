"""The channels: an Apprise URL each, which is a secret, and one attempt to send that never lasts beyond its time."""

from __future__ import annotations

import logging
import os
import re
import stat
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from actors.base import Failure, guarded
from domain.errors import ConfigError
from orchestration.alerts.terms import CRITICAL, INFO, WARNING

NAME = re.compile(r"[a-z0-9_]{1,32}", re.ASCII)
FILE = "file:"
"""A channel's URL may stand in a file that only its owner can read: ``file:PATH``."""
MOST_HANGING = 3
"""Attempts of one channel that may hang at a time; until one of them ends nothing more is tried."""
MISSING = "alerts need the package apprise, which is not installed: pip install 'argus-trading[alerts]'"

_KINDS = {INFO: "info", WARNING: "warning", CRITICAL: "failure"}
_STATUS = re.compile(r"error=(\d{3})\b")
_LOGGER = "apprise"


class Message(msgspec.Struct, frozen=True):
    """What is sent: one line, and a text."""

    title: str
    text: str
    severity: str = INFO


Deliver = Callable[[Message], str]
"""Sends one message; '' when it was taken, else why it was not. May take its time."""


def names(given: Mapping[str, str]) -> Mapping[str, str]:
    """Channels as they are configured. Raises ValueError, which never holds a URL."""
    for name, url in given.items():
        if not NAME.fullmatch(name):
            raise ValueError("allowed names of channels: 1 to 32 of a-z, 0-9 and _")
        if not url.strip() or not (url.startswith(FILE) or "://" in url):
            raise ValueError(f"{name}: allowed: an Apprise URL such as tgram://…, or {FILE}PATH")
    return given


def url_of(name: str, given: str) -> str:
    """The URL itself. Raises ConfigError for a file that cannot be read, or that others can read."""
    if not given.startswith(FILE) or given.startswith("file://"):
        return given
    path = Path(given.removeprefix(FILE)).expanduser()
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise ConfigError(f"alerts.channels.{name}: {path} can be read by others: chmod 600 {path}")
            text = file.read(4096).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not text"
        raise ConfigError(f"alerts.channels.{name}: {path}: {why}") from None
    if not text or len(text.split()) != 1:
        raise ConfigError(f"alerts.channels.{name}: {path}: one URL and nothing else belongs in it")
    return text


def deliveries(channels: Mapping[str, str]) -> dict[str, Deliver]:
    """How to send on each channel. Raises ConfigError with every problem; no URL is told."""
    if not channels:
        return {}
    problems: list[str] = []
    found: dict[str, Deliver] = {}
    apprise = _apprise()
    for name, given in sorted(channels.items()):
        try:
            url = url_of(name, given)
        except ConfigError as error:
            problems += error.problems
            continue
        service = apprise.Apprise.instantiate(url, asset=_asset(apprise), suppress_exceptions=True)
        if service is None:
            problems.append(f"alerts.channels.{name}: Apprise does not take this URL (its scheme, or a part of it)")
        else:
            found[name] = _deliver(apprise, url)
    if problems:
        raise ConfigError(problems)
    return found


def _apprise() -> Any:
    """The library with all its services, which warn of what they import. Raises ConfigError if it is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import apprise
        except ImportError:
            raise ConfigError(MISSING) from None
        _quiet()
        apprise.Apprise.instantiate("json://127.0.0.1", asset=_asset(apprise), suppress_exceptions=True)
    return apprise


def _asset(apprise: Any) -> Any:
    return apprise.AppriseAsset(
        app_id="Argus",
        app_desc="Argus",
        app_url="",
        async_mode=False,
        secure_logging=True,
        storage_mode="memory",
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        service_timeout=0,  # its own limit brings threads along that the end of the process would wait for
    )


def _deliver(apprise: Any, url: str) -> Deliver:
    def deliver(message: Message) -> str:
        sender = apprise.Apprise(asset=_asset(apprise))
        sender.add(url)
        heard = _Heard()
        logger = logging.getLogger(_LOGGER)
        logger.addHandler(heard)
        try:
            kind = _KINDS.get(message.severity, "info")
            done = guarded(lambda: sender.notify(message.text, message.title, kind, body_format="text"))
        finally:
            logger.removeHandler(heard)
        if isinstance(done, Failure):
            return done.what.partition(":")[0]  # the kind of error; its text may hold the URL
        return "" if done else heard.why

    return deliver


class _Heard(logging.Handler):
    """What Apprise says of a failure in this thread: the status it was answered, and nothing that may hold the URL."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.why = "it was not taken"
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self._thread:
            return
        text = record.getMessage()
        status = _STATUS.search(text)
        if status:
            self.why = f"it answered {status[1]}"
        elif "onnection" in text or "ocket" in text:
            self.why = "no connection"


def _quiet() -> None:
    """What Apprise logs goes nowhere: it may name hosts and parts of a URL."""
    logger = logging.getLogger(_LOGGER)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


class Attempt:
    """One message on its way, in a thread of its own that the end of the process does not wait for."""

    def __init__(self, deliver: Deliver, message: Message) -> None:
        self._deliver, self._message = deliver, message
        self._done = threading.Event()
        self._why = ""
        threading.Thread(target=self._run, name="alert", daemon=True).start()

    def _run(self) -> None:
        self._why = self._deliver(self._message)
        self._done.set()

    def wait(self, within: float) -> str | None:
        """'' when it was taken, why it was not, or None while it is not known."""
        return self._why if self._done.wait(within) else None

    @property
    def known(self) -> bool:
        return self._done.is_set()
