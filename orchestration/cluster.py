"""The Ray runtime: the only place that imports Ray and that makes actors of plain classes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import pickle
import signal
import socket
import time
import traceback
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import psutil
import ray
import ray.exceptions as failures
from ray.experimental import internal_kv
from ray.util.metrics import Counter, Gauge, Histogram

from actors.base import Health
from domain.errors import ActorLost, ArgusError, ConfigError, DeadlineMissed
from domain.metrics import METRICS
from domain.registry import load
from orchestration.topology import ActorSpec

NAMESPACE = "argus"
LOOK = 0.2
"""Seconds between two looks at whether anybody still waits for the start."""
GONE_WITHIN = 1.0
"""Seconds for Ray's processes to end by themselves."""
GONE = (
    failures.RayActorError,
    failures.ActorUnavailableError,
    failures.WorkerCrashedError,
    failures.NodeDiedError,
    failures.ObjectLostError,
    failures.OwnerDiedError,
)


class RayMeter:
    """Metrics on Ray's Prometheus port, made when they are first used."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def count(self, name: str, by: float = 1, **tags: str) -> None:
        if by > 0:
            self._metric(Counter, name, tag_keys=tuple(tags)).inc(by, tags=tags)

    def gauge(self, name: str, value: float) -> None:
        self._metric(Gauge, name).set(value)

    def observe(self, name: str, value: float) -> None:
        self._metric(Histogram, name, boundaries=list(METRICS[name].buckets)).observe(value)

    def _metric(self, kind: Any, name: str, **more: Any) -> Any:
        if name not in self._known:
            self._known[name] = kind(name, description=METRICS[name].what, **more)
        return self._known[name]


class RayPeers:
    """The other actors by name, from inside a process of the cluster."""

    def __init__(self) -> None:
        self._handles: dict[str, Any] = {}

    def ask(self, name: str, method: str, *args: Any, parts: int = 1) -> Any:
        call = self._handle(name).call
        if parts > 1:
            call = call.options(num_returns=parts)
        return call.remote(*packed(method, args))

    async def get(self, name: str, reference: Any, within: float) -> Any:
        try:
            async with asyncio.timeout(within):
                return await reference
        except TimeoutError:
            raise DeadlineMissed(name, within) from None
        except failures.RayError as error:
            raise told(name, error) from error

    async def get_all(self, references: Sequence[tuple[str, Any]], within: float) -> list[Any]:
        ends = time.monotonic() + within
        found = [reference for _, reference in references]
        try:  # all at once in a thread: one wake-up instead of one for each
            return await asyncio.to_thread(ray.get, found, timeout=within)
        except failures.RayError:
            within = max(0.05, ends - time.monotonic())
        waiting = [asyncio.wrap_future(reference.future()) for _, reference in references]
        _, late = await asyncio.wait(waiting, timeout=within)
        return [
            DeadlineMissed(name, within) if one in late else _outcome(name, one)
            for (name, _), one in zip(references, waiting, strict=True)
        ]

    async def restart(self, name: str) -> None:
        """Kill it wherever it hangs; Ray builds it anew."""
        handle = self._handle(name)
        await asyncio.to_thread(_kill, name, handle)

    def names(self, prefix: str) -> Sequence[str]:
        return sorted(one for one in _listed() if one.startswith(prefix))

    def _handle(self, name: str) -> Any:
        if name not in self._handles:
            try:
                self._handles[name] = ray.get_actor(name, namespace=NAMESPACE)
            except ValueError as error:
                raise ActorLost(name, "there is no such actor") from error
        return self._handles[name]


def _outcome(name: str, done: asyncio.Future[Any]) -> Any:
    error = done.exception()
    return done.result() if error is None else told(name, error)


def told(name: str, error: BaseException) -> BaseException:
    """Ray's exception as ours: what the method raised, or ActorLost."""
    if isinstance(error, failures.RayTaskError):
        cause = error.cause
        if isinstance(cause, failures.RayError):
            return told(name, cause)
        return cause if isinstance(cause, BaseException) else ActorLost(name, str(error))
    if isinstance(error, GONE):
        return ActorLost(name, type(error).__name__)
    return ActorLost(name, f"{type(error).__name__}: {error}"[:200])


def _kill(name: str, handle: Any) -> None:
    """By Ray, and by signal where Ray's message cannot be heard (a process that hangs or is frozen)."""
    ray.kill(handle, no_restart=False)
    known = internal_kv._internal_kv_get(_pid_key(name))
    host, _, pid = (known or b"").decode().rpartition(":")
    if host == socket.gethostname():
        time.sleep(0.3)
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _spec_key(name: str) -> bytes:
    return f"argus:spec:{name}".encode()


def _pid_key(name: str) -> bytes:
    return f"argus:pid:{name}".encode()


def _listed() -> list[str]:
    return [one["name"] for one in ray.util.list_named_actors(all_namespaces=True) if one["namespace"] == NAMESPACE]


class Reference:
    """Stands in a packed message where a reference of Ray's goes."""


def packed(method: str, args: Sequence[Any]) -> tuple[Any, ...]:
    """A message as one value and its references: Ray has a price for every argument (0.1 ms a call)."""
    plain = [Reference() if isinstance(one, ray.ObjectRef) else one for one in args]
    return pickle.dumps((method, plain), 5), *(one for one in args if isinstance(one, ray.ObjectRef))


def unpacked(message: bytes, references: Sequence[Any]) -> tuple[str, list[Any]]:
    method, args = pickle.loads(message)
    given = iter(references)
    return method, [next(given) if isinstance(one, Reference) else one for one in args]


class Shell:
    """The actor around an object: built in its own process, spoken to by the names of its methods.

    What it is built from lies in the cluster's own key-value store, so that a restart finds it whatever its
    size and wherever it happens. At the first start what the builder raises goes to whoever spawned it;
    after a restart the process ends, and Ray tries again.
    """

    def __init__(self, name: str) -> None:
        internal_kv._internal_kv_put(_pid_key(name), f"{socket.gethostname()}:{os.getpid()}".encode(), overwrite=True)
        spec: ActorSpec = pickle.loads(zlib.decompress(internal_kv._internal_kv_get(_spec_key(name))))
        restarted = ray.get_runtime_context().was_current_actor_reconstructed
        for attempt in range(3):
            try:
                self._inner = load(spec.build)(spec.spec, RayPeers(), RayMeter())
                gc.freeze()  # what is there at the start stays, and a full collection costs a cycle 0.1 s
                gc.set_threshold(100_000, 50, 50)
                return
            except Exception:
                if not restarted:
                    raise
                traceback.print_exc()  # into the worker's log: nobody else would hear of it
                time.sleep(0.5 * (attempt + 1))
        os._exit(1)


class SyncShell(Shell):
    def call(self, message: bytes, *references: Any) -> Any:
        method, args = unpacked(message, references)
        return getattr(self._inner, method)(*args)


class AsyncShell(Shell):
    async def call(self, message: bytes, *references: Any) -> Any:
        method, args = unpacked(message, references)
        answer = getattr(self._inner, method)(*args)
        return await answer if asyncio.iscoroutine(answer) else answer


class RayRuntime:
    """Starts or joins the cluster, spawns the actors and holds their handles, and stops what it started."""

    def __init__(self, address: str, dashboard: bool, metrics_port: int | None) -> None:
        self.address, self.local = address, address == "local"
        self._handles: dict[str, Any] = {}
        self.first: dict[str, Health] = {}
        self.metrics_url = ""
        """Ray's own exporter, of a cluster that was started here."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_worker_niceness", "0")  # who trades does not stand back for others
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        options: dict[str, Any] = {"address": address, "namespace": NAMESPACE, "log_to_driver": False}
        if self.local:
            port = metrics_port or _free_port()
            options |= {"include_dashboard": dashboard, "_metrics_export_port": port}
            self.metrics_url = f"http://127.0.0.1:{port}/metrics"
        self._others = psutil.Process().children()
        try:
            self.context = ray.init(logging_level="ERROR", configure_logging=True, **options)
            self._claim()
        except BaseException as error:
            self._end()
            if type(error) is Exception or isinstance(error, RuntimeError | OSError | ValueError):  # what Ray raises
                way = "correct that, or try again when the machine is less busy (its logs: ray/session_latest/logs)"
                if not self.local:
                    way = "a cluster takes whoever has its token: the same RAY_AUTH_TOKEN (or token file) everywhere"
                raise ConfigError(f"Ray did not start (address {address}): {error}; {way}") from error
            raise

    @property
    def dashboard_url(self) -> str:
        url = self.context.dashboard_url
        return f"http://{url}" if url else ""

    def meter(self) -> RayMeter:
        """For what this process itself measures."""
        return RayMeter()

    def _claim(self) -> None:
        """Two engines never share one cluster's namespace."""
        if not self.local and "RiskManager" in _listed():
            raise ArgusError(f"another engine runs in the namespace {NAMESPACE!r} of the cluster {self.address}")

    def spawn(self, specs: Sequence[ActorSpec]) -> None:
        """Create them all at once; returns before they are ready."""
        for spec in specs:
            base = AsyncShell if spec.asynchronous else SyncShell
            shown = type(spec.shows, (base,), {"__module__": __name__, "__qualname__": spec.shows})
            options: dict[str, Any] = {"name": spec.name, "namespace": NAMESPACE, "num_cpus": 0}
            options |= {"max_restarts": -1, "max_task_retries": 0}
            if spec.spread and not self.local:
                options["scheduling_strategy"] = "SPREAD"
            if not self.local:
                kept = ("NUMBA_CACHE_DIR", "NUMBA_DISABLE_INTEL_SVML")
                options["runtime_env"] = {"env_vars": {key: os.environ[key] for key in kept if key in os.environ}}
            internal_kv._internal_kv_put(_spec_key(spec.name), zlib.compress(pickle.dumps(spec)), overwrite=True)
            self._handles[spec.name] = ray.remote(shown).options(**options).remote(spec.name)

    def ready(self, within: float, given_up: Callable[[], bool] = lambda: False) -> None:
        """Wait until every actor answers, or nobody wants it any more; ``first`` is what each said of itself. Raises
        what a constructor raised, or DeadlineMissed."""
        waiting = {handle.call.remote(*packed("health", ())): name for name, handle in self._handles.items()}
        ends, late = time.monotonic() + within, list(waiting)
        while late and not given_up():
            if time.monotonic() > ends:
                raise DeadlineMissed(", ".join(sorted(waiting[one] for one in late)), within)
            done, late = ray.wait(late, num_returns=len(late), timeout=LOOK)
            for reference in done:
                self.first[waiting[reference]] = self._value(waiting[reference], reference, 1.0)

    def ask(self, name: str, method: str, *args: Any) -> Any:
        return self._handles[name].call.remote(*packed(method, args))

    def get(self, name: str, reference: Any, within: float) -> Any:
        return self._value(name, reference, within)

    def done(self, reference: Any, within: float) -> bool:
        """Whether the answer is there, waiting at most so long."""
        return bool(ray.wait([reference], timeout=within)[0])

    def answered(self, references: Sequence[Any]) -> list[bool]:
        """Which of them have been answered by now."""
        if not references:
            return []
        found = set(ray.wait(list(references), num_returns=len(references), timeout=0)[0])
        return [one in found for one in references]

    def outcome(self, name: str, reference: Any, within: float) -> Any:
        """The answer, or the error as a value."""
        try:
            return ray.get(reference, timeout=within)
        except failures.GetTimeoutError:
            return DeadlineMissed(name, within)
        except failures.RayError as error:
            return told(name, error)

    def restart(self, name: str) -> None:
        """Kill it wherever it hangs; Ray builds it anew."""
        _kill(name, self._handles[name])

    def end(self, name: str) -> None:
        """Kill it for good."""
        ray.kill(self._handles.pop(name))

    def _value(self, name: str, reference: Any, within: float) -> Any:
        try:
            return ray.get(reference, timeout=within)
        except failures.GetTimeoutError:
            raise DeadlineMissed(name, within) from None
        except failures.ActorDiedError as error:
            cause = getattr(error, "cause", None)
            raise ActorLost(name, _last_line(cause or error)) from error
        except failures.RayError as error:
            raise told(name, error) from error

    def clear(self) -> None:
        """End our actors; the cluster stays."""
        for handle in self._handles.values():
            ray.kill(handle)
        self._handles.clear()

    def stop(self) -> None:
        """End our actors, and the cluster if we started it. A second call does nothing."""
        if not ray.is_initialized():
            return
        if not self.local:
            self.clear()
        self._handles.clear()
        self._end()

    def _end(self) -> None:
        """Leave the cluster; of one that we started, also of half of one, no process stays."""
        others = set(self._others)
        ours = [one for one in psutil.Process().children() if one not in others] if self.local else []
        started = [*ours, *(below for one in ours for below in _below(one))]
        ray.shutdown()
        for left in psutil.wait_procs(started, timeout=GONE_WITHIN)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _last_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__


def _free_port() -> int:
    """A port that is free now, from the system's own range: above Ray's worker ports, which it refuses, and
    seldom the same for two that start together (Ray fails to start when its metrics port is taken)."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
