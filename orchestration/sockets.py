"""Ports and addresses that Ray will need, tried before anything is started or written."""

from __future__ import annotations

import socket

WITHIN = 5.0
"""Seconds for a cluster to take a connection: Ray itself would go on trying for minutes."""


def problems(address: str, metrics_port: int | None) -> list[str]:
    """What is wrong with them: a cluster that nobody can reach, a port that is taken."""
    if address not in ("local", "auto"):
        return _unreachable(address)
    return _taken(metrics_port) if metrics_port is not None and address == "local" else []


def _unreachable(address: str) -> list[str]:
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), WITHIN).close()
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        return [
            f"ray.address = {address}: no cluster answers there ({why}); start one with `ray start --head`, or leave "
            "--address out to start one of this run's own"
        ]
    return []


def _taken(port: int) -> list[str]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            return [f"ray.metrics_port = {port} cannot be used ({error.strerror}); choose another, or null for any"]
    return []
