"""Tests reach this machine only."""

from __future__ import annotations

import socket

import pytest


@pytest.mark.parametrize("call", ["connect", "connect_ex"])
@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, ("203.0.113.1", 80)),  # an address of documentation: nobody has it
        (socket.AF_INET, ("example.org", 80)),
        (socket.AF_INET6, ("2001:db8::1", 80, 0, 0)),
    ],
)
def test_a_connection_to_elsewhere_is_refused(
    family: socket.AddressFamily, address: tuple[str, int], call: str
) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as one, pytest.raises(RuntimeError, match="tests use no network"):
        getattr(one, call)(address)


def test_a_connection_to_this_machine_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as one:
        assert one.getpeername() == server.getsockname()
