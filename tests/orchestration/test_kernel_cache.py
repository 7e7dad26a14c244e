"""Each start of the kernels is a process of its own, over a copy of the sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.kernel_cache import cache_root

HERE = Path(__file__).resolve().parents[2]
DAY = 86_400 * 10**9
NOW = 20_000 * DAY

START = """
import sys
from pathlib import Path
from orchestration import kernel_cache
user_files = [Path(__file__).parent / "mine.py"]
cache = kernel_cache.prepare(Path(sys.argv[1]), int(sys.argv[2]), user_files)
"""
RUN = (
    START
    + """
import numpy as np
from domain.market import BAR
from domain.registry import load
from strategies.base import resolve
from strategies.runner import Rows, loops
from indicators import bands, moving

both = [load("strategies.ema_cross:ema_cross"), load("mine:mine")]
kernel_cache.compile_all(both)
bars = np.zeros(200, BAR)
for price in ("open", "high", "low", "close"):
    bars[price] = 100 + np.sin(np.arange(200) / 9)
bars["high"] += 1
stances = []
for strategy in both:
    rows = Rows(strategy, resolve(strategy, {}), 1)
    stances.append("".join("-0+"[one + 1] for one in rows.series(bars)[0].stances))
    shut = bars[:5]
    shut.setflags(write=False)
    rows.step(shut, np.zeros(5, np.int32))
functions = [moving.ema, bands.atr, *(one for s in both for one in (s.step, loops(s).rows, loops(s).series))]
hits = sum(sum(one.stats.cache_hits.values()) for one in functions)
misses = sum(sum(one.stats.cache_misses.values()) for one in functions)
compiled = sum(len(one.signatures) for one in functions)
print(cache.folder, hits, misses, compiled, *stances, sep="\\n")
"""
)

MINE = '''
"""A user's strategy in a single file: long above the price of a while ago."""
from typing import Annotated, NamedTuple
from indicators.moving import ema
from strategies.base import OWN, SEEN, strategy
from strategies.parameters import Between


class Params(NamedTuple):
    length: Annotated[int, Between(1, 99, "bars", "length")] = 20


@strategy(params=Params, own_slots=lambda params: 1, warm_up=lambda params: params.length, words=("SO",))
def mine(state, bar, params):
    """Long above its average."""
    return 1 if bar.close > ema(state, OWN, bar.close, params.length, state[SEEN]) else 0
'''


class Copy:
    """The kernels' sources in a folder of their own, with a cache beside it."""

    def __init__(self, home: Path) -> None:
        self.home, self.cache = home / "sources", home / "cache"
        for package in ("domain", "indicators", "strategies", "risk"):
            shutil.copytree(HERE / package, self.home / package, ignore=shutil.ignore_patterns("__pycache__"))
        (self.home / "orchestration").mkdir()
        shutil.copy(HERE / "orchestration" / "kernel_cache.py", self.home / "orchestration")
        (self.home / "mine.py").write_text(MINE)

    def start(self, script: str, now: int = NOW, **environment: str) -> subprocess.CompletedProcess[str]:
        (self.home / "start.py").write_text(script)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
        return subprocess.run(
            [sys.executable, "-B", "-W", "error", "start.py", str(self.cache), str(now)],
            cwd=self.home,
            env={**clean, "PYTHONPATH": str(self.home), **environment},
            capture_output=True,
            text=True,
        )

    def run(self) -> list[str]:
        done = self.start(RUN)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.home / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_a_second_process_compiles_nothing_and_two_strategies_do_not_meet(copy: Copy) -> None:
    folder, hits, misses, compiled, *stances = copy.run()
    again, hits_again, misses_again, compiled_again, *stances_again = copy.run()

    assert Path(folder).parent == copy.cache / "kernels"
    assert (hits, misses) == ("0", compiled)
    assert (again, misses_again, hits_again) == (folder, "0", compiled_again)
    assert int(hits_again) == 4  # two loops of two strategies; what they call is inside them
    assert stances_again == stances
    assert stances[0] != stances[1]
    assert "-" in stances[0]
    assert not [*copy.home.rglob("*.nbi")]  # nothing beside the sources


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("indicators/moving.py", "2.0 / (n + 1.0)", "1.0 / (n + 5.0)", [True, True]),
        ("strategies/ema_cross.py", "if fast > slow:", "if fast > slow + 0.05:", [True, False]),
        ("strategies/runner.py", "state[SEEN] <= warm_up:", "state[SEEN] <= warm_up + 40:", [True, True]),
        ("mine.py", "bar.close > ema", "bar.open < ema", [False, True]),
    ],
)
def test_an_edit_is_noticed(copy: Copy, file: str, old: str, new: str, changed: list[bool]) -> None:
    folder, _, _, _, *before = copy.run()

    copy.edit(file, old, new)
    new_folder, _, _, _, *after = copy.run()

    assert new_folder != folder
    assert [one != other for one, other in zip(before, after, strict=True)] == changed


READ = (
    START
    + """
kernel_cache.compile_all([], reads=True)
from risk.exits import readings
stats = readings.advance_all.stats
print(cache.folder, sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), sep="\\n")
"""
)


def test_the_indicators_of_exits_are_kept_as_well_and_an_edit_of_theirs_is_noticed(copy: Copy) -> None:
    def read() -> list[str]:
        done = copy.start(READ)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    first, again = read(), read()
    copy.edit("risk/exits/readings.py", "SMA_BARS = 20", "SMA_BARS = 30")
    edited = read()

    assert first[1:] == edited[1:] == ["0", "1"]
    assert again == [first[0], "1", "0"]
    assert edited[0] != first[0]


def test_folders_of_other_sources_go_after_thirty_days_without_a_start(copy: Copy) -> None:
    kept = copy.cache / "kernels" / "ab"
    old = copy.cache / "kernels" / "cd"
    for folder, days in ((kept, 29), (old, 31)):
        folder.mkdir(parents=True)
        (folder / "kernel.nbi").write_text("")
        os.utime(folder, ns=(NOW - days * DAY, NOW - days * DAY))

    first = copy.start(START + "print(cache.folder.name)")
    later = copy.start(START + "print(cache.folder.name)", now=NOW + 40 * DAY)

    assert first.returncode == later.returncode == 0, first.stderr + later.stderr
    assert first.stdout == later.stdout
    assert [folder.name for folder in (copy.cache / "kernels").iterdir()] == [first.stdout.strip()]


TELL = START + "import os\nprint(cache.notice)\nprint(cache.folder, 'NUMBA_CACHE_DIR' in os.environ)\n"
ONE = "from strategies.ema_cross import ema_cross\nassert kernel_cache.compile_all([ema_cross]) > 0\n"


def test_a_cache_that_cannot_be_written_means_no_cache_and_a_notice(copy: Copy) -> None:
    copy.cache.write_text("a file where the folder should be")

    done = copy.start(TELL + ONE)

    assert done.returncode == 0, done.stderr
    notice, chosen = done.stdout.splitlines()
    assert notice.startswith(f"kernel cache {copy.cache}")
    assert "cannot be written" in notice
    assert "give ARGUS_HOME a folder" in notice
    assert chosen == "None False"
    assert not [*copy.home.rglob("*.nbi")]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_cache_folder_means_no_cache_and_a_notice(copy: Copy) -> None:
    copy.cache.mkdir(mode=0o500)

    done = copy.start(TELL + ONE)

    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout


def test_a_full_disk_means_no_cache_and_a_notice(copy: Copy) -> None:
    copy.edit("orchestration/kernel_cache.py", "LEAST_FREE = 64", f"LEAST_FREE = {2**30}")

    done = copy.start(TELL + ONE)

    assert done.returncode == 0, done.stderr
    assert "MB free, needs" in done.stdout
    assert "None False" in done.stdout


def test_it_refuses_when_numba_came_first(copy: Copy) -> None:
    late = copy.start("import numba\n" + START)
    elsewhere = copy.start("import numba\n" + START, NUMBA_CACHE_DIR=str(copy.home))

    for done in (late, elsewhere):
        assert done.returncode == 1
        assert "ArgusError: numba was imported before its cache folder was named" in done.stderr
        assert "call kernel_cache.prepare before importing indicators or strategies" in done.stderr


def test_preparing_twice_is_once_also_after_numba(copy: Copy) -> None:
    done = copy.start(START + "import numba\n" + START + "import os\nprint(os.environ['NUMBA_DISABLE_INTEL_SVML'])\n")

    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_preparing_does_not_import_numba(copy: Copy) -> None:
    done = copy.start(START + "assert 'numba' not in sys.modules")

    assert done.returncode == 0, done.stderr


def test_a_strategy_file_that_is_not_there_is_named(copy: Copy) -> None:
    (copy.home / "mine.py").unlink()

    done = copy.start(START)

    assert "ConfigError: strategy file" in done.stderr
    assert "mine.py cannot be read: No such file or directory" in done.stderr


def test_the_cache_is_in_the_home_of_argus_or_the_users_cache_folder(tmp_path: Path) -> None:
    assert cache_root({"ARGUS_HOME": str(tmp_path)}) == tmp_path / "cache"
    assert cache_root({}).name == "argus"
    assert cache_root({"ARGUS_HOME": ""}) == cache_root({})
