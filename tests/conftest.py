"""What holds for every test: compiled kernels are kept between runs, no home of a user, no network."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the packages come before the folders of the same names beside this file

import psutil  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from orchestration import kernel_cache  # noqa: E402
from tests.postgres import postgres, postgres_url  # noqa: E402, F401

if TYPE_CHECKING:
    from orchestration.cluster import RayRuntime


def _a_home_of_its_own() -> Path:
    """An empty ARGUS_HOME whose kernel cache is the user's, so that only the first run ever compiles."""
    kept = kernel_cache.cache_root(os.environ) / "kernels"
    home = Path(tempfile.mkdtemp(prefix="argus-tests-"))
    (home / "cache").mkdir()
    try:
        kept.mkdir(parents=True, exist_ok=True)
        (home / "cache" / "kernels").symlink_to(kept, target_is_directory=True)
    except OSError:
        pass  # no place to keep them, or no links: this session compiles for itself
    return home


HOME = _a_home_of_its_own()
for name in [one for one in os.environ if one.startswith("ARGUS__")]:
    del os.environ[name]
os.environ["ARGUS_HOME"] = str(HOME)
kernel_cache.prepare(kernel_cache.cache_root(os.environ), time.time_ns())  # before anything imports numba

settings.register_profile("argus", deadline=None, derandomize=True, max_examples=100)
settings.load_profile("argus")


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Connections reach this machine only: loopback, its own addresses, Unix sockets."""
    addresses = (one for of_one in psutil.net_if_addrs().values() for one in of_one)
    here = {"", "localhost", "127.0.0.1", "::1"}
    here |= {one.address.partition("%")[0] for one in addresses if one.family in (socket.AF_INET, socket.AF_INET6)}

    def guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
        def refusing(self: socket.socket, address: Any) -> Any:
            # a datagram socket's connect sends nothing: programs learn their own address by it
            if self.family in (socket.AF_INET, socket.AF_INET6) and self.type == socket.SOCK_STREAM:
                host = str(address[0]).partition("%")[0]
                if host not in here and not host.startswith("127."):
                    raise RuntimeError(f"a test wanted to connect to {host}: tests use no network")
            return connect(self, address)

        return refusing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        yield


@pytest.fixture(scope="session")
def ray_runtime() -> Iterator[RayRuntime]:
    """One Ray for the session, without a dashboard, stopped at the end."""
    from orchestration.cluster import RayRuntime

    runtime = RayRuntime("local", dashboard=False, metrics_port=None)
    yield runtime
    runtime.stop()
