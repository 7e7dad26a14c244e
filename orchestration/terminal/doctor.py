"""What a run needs on this machine, looked at one by one; nothing is changed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import psutil

from domain.errors import ConfigError
from journal import database
from orchestration import kernel_cache
from orchestration.terminal.figures import seconds
from orchestration.terminal.place import database_url, halt_file, living, now

OK, WARN, FAIL = "OK", "WARN", "FAIL"

LEAST_PYTHON = (3, 11)
MEGABYTE = 1024 * 1024
GIGABYTE = 1024 * MEGABYTE
OPEN_FILES = 4096
DASHBOARD_PORT = 8265

IMPORTED = {
    "ray": "ray",
    "numba": "numba",
    "numpy": "numpy",
    "pyarrow": "pyarrow",
    "SQLAlchemy": "sqlalchemy",
    "alembic": "alembic",
    "msgspec": "msgspec",
    "pydantic": "pydantic",
    "PyYAML": "yaml",
    "psutil": "psutil",
    "typer": "typer",
    "rich": "rich",
    "fastapi": "fastapi",
    "uvicorn": "uvicorn",
    "websockets": "websockets",
}
"""Packages that every run needs, and their modules."""

_IMPORTING = """
import importlib, json, sys
said = {}
for name, module in json.loads(sys.argv[1]).items():
    try:
        importlib.import_module(module)
    except BaseException as error:
        said[name] = f"{type(error).__name__}: {error}"
sys.stdout.write("\\n" + json.dumps(said))
"""


class Check(NamedTuple):
    """One thing that was looked at; ``way_out`` is empty where nothing is to be done."""

    what: str
    state: str
    found: str
    way_out: str = ""


def examine(db_url: str | None) -> list[Check]:
    """Every check, in the order in which a run would meet them."""
    return [
        python(sys.version_info[:3]),
        *packages(),
        *folders(),
        *stored(db_url),
        memory(psutil.virtual_memory().available),
        processors(os.cpu_count() or 1),
        *shared_memory(Path("/dev/shm")),
        *open_files(),
        *ports(),
    ]


def python(found: tuple[int, ...]) -> Check:
    text = ".".join(map(str, found))
    if found[:2] < LEAST_PYTHON:
        return Check("Python", FAIL, text, "install Python 3.11 or later")
    return Check("Python", OK, text)


def packages() -> list[Check]:
    """Versions, and whether the packages can really be imported (in a process of its own)."""
    wrong = _imports(IMPORTED)
    found = []
    for name in IMPORTED:
        try:
            known = version(name)
        except PackageNotFoundError:
            known = "not installed"
        if name in wrong:
            found.append(Check(name, FAIL, f"{known}: {wrong[name]}", f"pip install --force-reinstall {name}"))
        else:
            found.append(Check(name, OK, known))
    return found


def _imports(modules: dict[str, str]) -> dict[str, str]:
    """What went wrong, by package."""
    command = [sys.executable, "-c", _IMPORTING, json.dumps(modules)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        said: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return dict.fromkeys(modules, "importing all of them took more than 120 s")
    except (IndexError, json.JSONDecodeError):
        return dict.fromkeys(modules, f"Python ended with code {done.returncode} while importing")
    return said


def folders() -> list[Check]:
    return [
        writable("data folder", database.data_folder()),
        writable("cache folder", kernel_cache.cache_root(os.environ), needed=False),
    ]


def writable(what: str, folder: Path, *, needed: bool = True) -> Check:
    """Whether files can be made in the folder, or the folder itself; nothing is left behind."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    way_out = "make it writable, or name another folder with ARGUS_HOME"
    try:
        tempfile.TemporaryFile(dir=there).close()
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Check(what, FAIL if needed else WARN, f"{folder} cannot be written ({error.strerror})", way_out)
    room = f"{free / GIGABYTE:.1f} GB free"
    if free < 100 * MEGABYTE:
        return Check(what, FAIL if needed else WARN, f"{folder}, {room}", "make room on this disk")
    if free < GIGABYTE:
        return Check(what, WARN, f"{folder}, {room}", "make room before a long run")
    return Check(what, OK, f"{folder}, {room}")


def stored(db_url: str | None) -> list[Check]:
    """The database, who holds it, and whether a HALT file lies about."""
    found: list[Check] = []
    try:
        url = database_url(db_url)
        shown = database.password_hidden(url)
        if not database.exists(url):
            found.append(Check("database", OK, f"{shown}: none yet, the first run makes it"))
        else:
            database.require(url)
            found.append(Check("database", OK, shown))
            held = living(url)
            if held is not None:
                age = seconds((now() - held.beat_at) / 1e9)
                what = f"run {held.run_id}, pid {held.pid} on {held.host}, beat {age} ago"
                found.append(Check("engine", OK, what))
    except ConfigError as error:
        found.append(Check("database", FAIL, "; ".join(error.problems), "see above, or name another with --db-url"))
    if halt_file().exists():
        found.append(
            Check("kill switch", WARN, f"the file {halt_file()} halts every engine", "remove it when you know why")
        )
    return found


def memory(available: int) -> Check:
    text = f"{available / GIGABYTE:.1f} GB available"
    if available < 500 * MEGABYTE:
        return Check("memory", FAIL, text, "close programs: Ray and its actors take about 1 GB")
    if available < 2 * GIGABYTE:
        return Check("memory", WARN, text, "enough for some symbols; each actor takes about 90 MB")
    return Check("memory", OK, text)


def processors(count: int) -> Check:
    if count == 1:
        return Check("processors", WARN, "1", "it works, slowly: the actors share one core")
    return Check("processors", OK, str(count))


def shared_memory(folder: Path) -> list[Check]:
    """Where Ray keeps its objects on Linux."""
    if not folder.is_dir():
        return []
    size = shutil.disk_usage(folder).total
    text = f"{folder}, {size / GIGABYTE:.1f} GB"
    if size < GIGABYTE:
        way_out = "Ray will use files instead, which is slower; in Docker: --shm-size=2g"
        return [Check("shared memory", WARN, text, way_out)]
    return [Check("shared memory", OK, text)]


def open_files() -> list[Check]:
    if sys.platform == "win32":
        return []
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        return [Check("open files", WARN, str(soft), f"raise it before many symbols: ulimit -n {OPEN_FILES * 16}")]
    return [Check("open files", OK, "no limit" if soft == resource.RLIM_INFINITY else str(soft))]


def ports() -> list[Check]:
    """Whether this machine lets us listen, and whether Ray's dashboard gets its usual port."""
    try:
        with socket.create_server(("127.0.0.1", 0)):
            pass
    except OSError as error:
        way_out = "Ray needs ports on 127.0.0.1: allow them in the firewall or the sandbox"
        return [Check("ports", FAIL, f"cannot listen on 127.0.0.1 ({error.strerror})", way_out)]
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", DASHBOARD_PORT)) == 0
    if taken:
        way_out = "Ray's dashboard takes the next free one; run prints its URL"
        return [Check("ports", WARN, f"{DASHBOARD_PORT} is taken", way_out)]
    return [Check("ports", OK, f"can listen, {DASHBOARD_PORT} is free for the dashboard")]
