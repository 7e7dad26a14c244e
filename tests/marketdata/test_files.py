from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from bar_making import MONDAY, bars, recorded_file, walk, write_csv, write_parquet
from pyarrow import parquet

from domain.errors import ConfigError
from domain.timeframe import MINUTE
from marketdata.files import find_sources, read_bars

HEADER = "ts,open,high,low,close\n"
GOOD = "2024-01-01T00:00:00Z,1,2,1,2\n2024-01-01T00:01:00Z,2,2,1,1\n"


def csv(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text) and None


def raw(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def table(**columns: object) -> Callable[[Path], None]:
    given = {
        "ts": pa.array([MONDAY, MONDAY + MINUTE], pa.timestamp("ns", "UTC")),
        **{name: [1.0, 1.0] for name in ("open", "high", "low", "close")},
    }
    return lambda path: parquet.write_table(pa.table({**given, **columns}), path)


def truncated(path: Path) -> None:
    write_parquet(path, bars(1, 2, 3))
    path.write_bytes(path.read_bytes()[:-40])


def scrambled(path: Path) -> None:
    write_parquet(path, walk(500))
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    content[-60:-8] = bytes(52)
    path.write_bytes(bytes(content))


def parquet_as_csv(path: Path) -> None:
    write_parquet(path.with_suffix(".parquet"), bars(1, 2, 3)).rename(path)


def one_changed(column: str, value: float, ending: str = "parquet") -> Callable[[Path], None]:
    def make(path: Path) -> None:
        made = bars(1, 2, 3, 4)
        made[column][2] = value
        write_parquet(path, made)

    return make


BAD = {
    "missing": ("a.parquet", lambda path: None, ["no such file"]),
    "empty": ("a.csv", raw(b""), ["the file is empty"]),
    "empty parquet": ("a.parquet", raw(b""), ["the file is empty"]),
    "header only": ("a.csv", csv(HEADER), ["no bars in it"]),
    "other ending": ("a.txt", csv(HEADER + GOOD), ["'.txt'", ".parquet and .csv"]),
    "truncated parquet": ("a.parquet", truncated, ["truncated", "copy or write it again"]),
    "damaged parquet": ("a.parquet", scrambled, ["damaged"]),
    "truncated csv": ("a.csv", csv(HEADER + GOOD + "2024-01-01T00:02:00Z,2,"), ["row 3", "3 values for 5 columns"]),
    "csv named parquet": ("a.parquet", csv(HEADER + GOOD), ["named .parquet and is not one", "rename it to .csv"]),
    "parquet named csv": ("a.csv", parquet_as_csv, ["a parquet file named .csv", "rename it to .parquet"]),
    "missing columns": ("a.csv", csv("ts,open,close\n"), ["missing column high, low", "it has: ts, open, close"]),
    "time under another name": ("a.csv", csv("time,open,high,low,close\n"), ["rename 'time' to ts"]),
    "missing column in parquet": ("a.parquet", lambda path: parquet.write_table(pa.table({"ts": [1]}), path), ["open"]),
    "column twice": ("a.csv", csv("ts,open,high,low,close,close\n"), ["column close appears 2 times"]),
    "semicolons": ("a.csv", csv("ts;open;high;low;close\n"), ["separated by ;", "use commas"]),
    "text for a price": ("a.csv", csv(HEADER + GOOD.replace("2,2,1,1", "2,2,x1,1")), ["column low, row 2", "'x1'"]),
    "text column": ("a.parquet", table(close=["1.5", "n/a"]), ["column close, row 2", "'n/a'"]),
    "wrong type": ("a.parquet", table(high=[True, False]), ["column high holds bool", "float64"]),
    "wrong type of time": ("a.parquet", table(ts=[1.5, 2.5]), ["column ts holds double", "timestamp[ns, UTC]"]),
    "whole numbers for time in parquet": ("a.parquet", table(ts=[MONDAY, MONDAY + MINUTE]), ["column ts holds int64"]),
    "unsorted": ("a.csv", csv(HEADER + "".join(reversed(GOOD.splitlines(True)))), ["row 2", "earlier", "sort"]),
    "duplicates": ("a.csv", csv(HEADER + GOOD + GOOD.splitlines(True)[1]), ["row 3", "00:01:00Z", "duplicates"]),
    "empty price": ("a.csv", csv(HEADER + GOOD.replace("2,2,1,1", "2,2,,1")), ["column low, row 2", "nan"]),
    "nan": ("a.parquet", one_changed("close", np.nan), ["column close, row 3 (2024-01-01T00:02:00Z): nan"]),
    "infinity": ("a.parquet", one_changed("high", np.inf), ["column high, row 3", "inf is not a number"]),
    "zero": ("a.parquet", one_changed("low", 0.0), ["column low, row 3", "0.0 is not above zero"]),
    "negative": ("a.parquet", one_changed("open", -1.0), ["column open, row 3", "-1.0 is not above zero"]),
    "high below low": ("a.parquet", one_changed("high", 1.0), ["column high, row 3", "1.0 is below the low"]),
    "high below close": ("a.parquet", one_changed("high", 2.5), ["column high, row 3", "below open or close"]),
    "low above open": ("a.parquet", one_changed("low", 2.5), ["column low, row 3", "above open or close"]),
    "negative volume": ("a.parquet", one_changed("volume", -5.0), ["column volume, row 3", "-5.0 is negative"]),
    "naive parquet": ("a.parquet", lambda path: write_parquet(path, bars(1, 2), None) and None, ["tz_localize('UTC')"]),
    "naive csv": ("a.csv", csv(HEADER + GOOD.replace("Z", "")), ["row 1", "has no zone", "+02:00"]),
    "naive in one row": ("a.csv", csv(HEADER + GOOD.replace("01:00Z", "01:00")), ["row 2", "has no zone"]),
    "no time at all": ("a.csv", csv(HEADER + GOOD.replace("2024-01-01T00:01:00Z", "noon")), ["row 2", "'noon' is not"]),
    "empty time": ("a.csv", csv(HEADER + GOOD.replace("2024-01-01T00:01:00Z", "")), ["column ts, row 2: no time"]),
    "mixed epochs": ("a.csv", csv(HEADER + "1704067200,1,1,1,1\n1704067260000,1,1,1,1\n"), ["not clearly one unit"]),
    "one row": ("a.csv", csv(HEADER + GOOD.splitlines(True)[0]), ["one row only", "timeframe cannot be known"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_its_culprit_and_the_way_out(case: str, tmp_path: Path) -> None:
    name, make, says = BAD[case]
    make(tmp_path / name)

    with pytest.raises(ConfigError) as refused:
        read_bars(tmp_path / name)

    assert str(tmp_path / name) in str(refused.value)
    for fragment in says:
        assert fragment in str(refused.value)


def test_all_problems_of_a_file_are_told_together(tmp_path: Path) -> None:
    made = bars(1, 2, 3, 4)
    made["ts"][3], made["close"][1], made["low"][0] = made["ts"][2], np.nan, 0.0
    write_parquet(tmp_path / "a.parquet", made)

    with pytest.raises(ConfigError) as refused:
        read_bars(tmp_path / "a.parquet")

    assert len(refused.value.problems) == 3


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_bars(tmp_path / "a.csv")


def test_parquet_and_csv_of_the_same_bars_read_the_same(tmp_path: Path) -> None:
    made = walk(300)
    one = read_bars(write_parquet(tmp_path / "a_M1.parquet", made))
    other = read_bars(write_csv(tmp_path / "a_M1.csv", made))

    assert one.bars.tobytes() == made.tobytes() == other.bars.tobytes()
    assert (one.sha256, one.decimals, one.stated) == (other.sha256, 5, "M1")


@pytest.mark.parametrize(
    ("stamp", "zone"),
    [
        ("2024-01-01T00:0{}:00Z", "as written"),
        ("2024-01-01 02:0{}:00+02:00", "as written"),
        ("2023-12-31T19:0{}:00.000-0500", "as written"),
        ("17040672{}0", "UTC epoch s"),
        ("17040672{}0000", "UTC epoch ms"),
        ("17040672{}0000000", "UTC epoch us"),
        ("17040672{}0000000000", "UTC epoch ns"),
    ],
)
def test_times_with_a_zone_and_epochs_mean_the_same_moment(stamp: str, zone: str, tmp_path: Path) -> None:
    marks = ("0", "6") if "epoch" in zone else ("0", "1")
    (tmp_path / "a.csv").write_text(HEADER + "".join(f"{stamp.format(mark)},1,1,1,1\n" for mark in marks))

    read = read_bars(tmp_path / "a.csv")

    assert read.bars["ts"].tolist() == [MONDAY, MONDAY + MINUTE]
    assert read.zone == zone


def test_a_parquet_file_in_another_zone_is_read_in_utc(tmp_path: Path) -> None:
    read = read_bars(write_parquet(tmp_path / "a.parquet", bars(1, 2), "America/New_York"))
    assert (read.bars["ts"][0], read.zone) == (MONDAY, "America/New_York")


def test_unknown_volume_is_zero_and_an_unknown_or_crossed_spread_is_nan(tmp_path: Path) -> None:
    text = "ts,open,high,low,close,spread,volume\n"
    text += "2024-01-01T00:00:00Z,1,1,1,1,-0.1,\n2024-01-01T00:01:00Z,1,1,1,1,0.2,3\n2024-01-01T00:02:00Z,1,1,1,1,,4\n"
    (tmp_path / "a.csv").write_text(text)

    read = read_bars(tmp_path / "a.csv").bars

    assert read["volume"].tolist() == [0, 3, 4]
    assert np.isnan(read["spread"]).tolist() == [True, False, True]


def test_a_windows_csv_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + (HEADER + GOOD).replace("\n", "\r\n").encode())
    assert len(read_bars(tmp_path / "a.csv").bars) == 2


def test_reading_bars_does_not_import_pandas(tmp_path: Path) -> None:
    made = walk(20)
    files = [str(write_parquet(tmp_path / "a.parquet", made)), str(write_csv(tmp_path / "a.csv", made))]
    code = "import sys; from marketdata.files import read_bars; [read_bars(file) for file in sys.argv[1:]]"
    code += "; sys.exit('pandas' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code, *files], cwd=root, check=False).returncode == 0


# --- which file -------------------------------------------------------------------------------


def folder(tmp_path: Path, *names: str) -> str:
    for name in names:
        write_csv(tmp_path / name, bars(1, 2))
    return str(tmp_path)


@pytest.mark.parametrize(
    ("names", "timeframe", "found"),
    [
        (["EURUSD_M1.csv", "EURUSD_H1.csv"], "H1", "EURUSD_H1.csv"),
        (["EURUSD_M1.csv", "EURUSD_M15.csv"], "H1", "EURUSD_M15.csv"),
        (["EURUSD_M1.csv", "EURUSD_M2.csv"], "M5", "EURUSD_M1.csv"),
        (["EURUSD_M5.csv", "GBPUSD_M1.csv", "EURUSD_H1__old.csv"], None, "EURUSD_M5.csv"),
    ],
)
def test_a_folder_gives_the_asked_timeframe_or_the_largest_that_divides_it(
    names: list[str], timeframe: str | None, found: str, tmp_path: Path
) -> None:
    assert find_sources([folder(tmp_path, *names)], ["EURUSD"], timeframe) == {"EURUSD": tmp_path / found}


def test_folders_and_named_files_mix(tmp_path: Path) -> None:
    data = [folder(tmp_path, "EURUSD_H1.csv", "bitcoin.csv"), f"BTC={tmp_path / 'bitcoin.csv'}"]
    found = find_sources(data, ["BTC", "EURUSD"], "H1")
    assert list(found.items()) == [("BTC", tmp_path / "bitcoin.csv"), ("EURUSD", tmp_path / "EURUSD_H1.csv")]


@pytest.mark.parametrize(
    ("names", "data", "timeframe", "says"),
    [
        ([], ["{}"], "H1", ["no data for EURUSD", "EURUSD_H1.parquet or .csv"]),
        ([], [], "H1", ["no data for EURUSD", "add EURUSD=FILE"]),
        (["EURUSD_M1.csv", "EURUSD_H1.csv"], ["{}"], None, ["several files", "EURUSD_M1.csv", "EURUSD_H1.csv"]),
        (["EURUSD_H1.csv"], ["{}"], "M5", ["no data for EURUSD in M5", "there is", "EURUSD_H1.csv"]),
        ([], ["{}/none"], "H1", ["none' does not exist", "no data for EURUSD"]),
        ([], ["EURUSD={}/none.csv"], "H1", ["none.csv' does not exist"]),
        ([], ["EURUSD={}"], "H1", ["is a folder, not a file"]),
        (["x.csv"], ["{}/x.csv"], "H1", ["is a file; write SYMBOL=FILE"]),
        (["x.csv"], ["EURUSB={}/x.csv"], "H1", ["'EURUSB' is not among the symbols"]),
        (["x.csv"], ["EURUSD={}/x.csv", "EURUSD={}/x.csv"], "H1", ["already has", "one file per symbol"]),
        ([], ["{}"], "H7", ["'H7' is none of S1"]),
    ],
)
def test_a_symbol_without_a_file_is_refused(
    names: list[str], data: list[str], timeframe: str | None, says: list[str], tmp_path: Path
) -> None:
    folder(tmp_path, *names)

    with pytest.raises(ConfigError) as refused:
        find_sources([item.format(tmp_path) for item in data], ["EURUSD"], timeframe)

    for fragment in says:
        assert fragment in str(refused.value)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "count", "decimals"), [("EURUSD_H1", 74_439, 5), ("BTCUSD_M1", 293_230, 2), ("EURUSD_M1", 591_866, 4)]
)
def test_real_files_are_read_whole(name: str, count: int, decimals: int) -> None:
    read = read_bars(recorded_file(f"{name}.parquet"))
    assert (len(read.bars), read.decimals, read.zone) == (count, decimals, "UTC")
