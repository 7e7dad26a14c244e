"""Where the server may listen, and by which names it may be asked; refused before anything is started."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
import ssl
import sys

import msgspec
import psutil

from domain.errors import ConfigError
from orchestration.serving import PORT, Serving

LOCAL = ("127.0.0.1", "localhost", "::1")
NEXT = 20
"""Ports that are tried after the first."""

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A socket that listens, and what is said of it. ``hosts`` are the names of a Host header, without port."""

    socket: socket.socket
    url: str
    port: int
    hosts: frozenset[str]
    taken: int | None
    """The port that was wanted first, if another program has it."""


def check(serving: Serving) -> None:
    """Raises ConfigError for what will not do: an open door, a certificate that cannot be used, a name that is none."""
    problems = [
        f"--allow-host {name}: not a host name, like argus.example.org" for name in serving.names if not _is_name(name)
    ]
    if (serving.tls_cert is None) != (serving.tls_key is None):
        problems.append("--tls-cert and --tls-key belong together: give both, or none")
    elif serving.tls_cert is not None and serving.tls_key is not None:
        problems += _certificate(serving.tls_cert, serving.tls_key)
    if not local(serving.host) and serving.tls_cert is None and not serving.insecure:
        problems.append(
            f"--host {serving.host} can be reached from other machines, and without TLS everybody on the way reads the "
            "token: give --tls-cert and --tls-key, or say --allow-insecure if something else protects the way"
        )
    if problems:
        raise ConfigError(problems)


def local(host: str) -> bool:
    """Whether only this machine reaches it."""
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return False


def bind(serving: Serving) -> Bound:
    """Listen. Raises ConfigError if the address cannot be had."""
    check(serving)
    host = serving.host.strip("[]")
    wanted = PORT if serving.port is None else serving.port
    ports = [wanted, *range(wanted + 1, wanted + 1 + NEXT)] if serving.port is None else [wanted]
    for port in ports:
        found = _listening(host, port)
        if found is not None:
            got = found.getsockname()[1]
            scheme = "http" if serving.tls_cert is None else "https"
            url = f"{scheme}://{_shown(host)}:{got}"
            taken = wanted if serving.port is None and got != wanted else None
            return Bound(socket=found, url=url, port=got, hosts=hosts(serving), taken=taken)
    raise ConfigError(
        f"--port {wanted} is taken by another program: choose another, or leave --port out for the next free one"
        if serving.port is not None
        else f"no port from {wanted} to {ports[-1]} is free: name one with --port"
    )


def hosts(serving: Serving) -> frozenset[str]:
    """The names that may stand in a Host header. A page of another site cannot make a browser say one of them."""
    found = {*LOCAL, *(one.lower() for one in serving.names)}
    host = serving.host.strip("[]").lower()
    if host in ("0.0.0.0", "::", ""):
        every = (one.address for of_one in psutil.net_if_addrs().values() for one in of_one)
        found |= {one.partition("%")[0].lower() for one in every if _is_address(one)}
        found |= {socket.gethostname().lower()}
    else:
        found.add(host)
    return frozenset(found)


def _listening(host: str, port: int) -> socket.socket | None:
    """None where another program listens. Raises ConfigError for an address that is not this machine's."""
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, OverflowError, UnicodeError) as error:
        raise ConfigError(f"--host {host}: nobody knows this address ({error})") from error
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix" and sys.platform != "cygwin":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(128)
    except OSError as error:
        found.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES) and port >= 1024:
            return None
        what = error.strerror or error
        raise ConfigError(f"--host {host} --port {port}: cannot listen there ({what}); choose another") from error
    found.setblocking(False)
    return found


def _certificate(cert: str, key: str) -> list[str]:
    for option, file in (("--tls-cert", cert), ("--tls-key", key)):
        try:
            with open(file, "rb"):
                pass
        except OSError as error:
            return [f"{option} {file}: {error.strerror or error}"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        return [f"--tls-cert {cert}, --tls-key {key}: cannot be used ({why}); a key has no password, both are PEM"]
    return []


def _no_password() -> str:
    raise ValueError("the key is locked with a password")


def _shown(host: str) -> str:
    shown = LOCAL[0] if host in ("0.0.0.0", "") else "::1" if host == "::" else host
    return f"[{shown}]" if ":" in shown else shown


def _is_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name.lower())) or _is_address(name)


def _is_address(text: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(text.partition("%")[0])
        return True
    return False
