from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from bar_making import MONDAY, bars, recorded_file, walk
from pyarrow import feather, parquet

from domain.errors import ConfigError
from domain.market import Bars
from domain.timeframe import DAY, HOUR, MINUTE, iso, utc
from marketdata.files import find_sources, read_bars
from marketdata.importing.source import Source, read_source
from marketdata.importing.writing import check_symbol, target, write_bars
from marketdata.recorded import RecordedFeed

MT5 = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
MT5_ROWS = (
    "2024.07.01\t00:00:00\t1.07120\t1.07150\t1.07100\t1.07140\t120\t0\t6\n"
    "2024.07.01\t00:01:00\t1.07140\t1.07160\t1.07130\t1.07150\t80\t0\t12\n"
    "2024.07.01\t00:02:00\t1.07150\t1.07150\t1.07110\t1.07120\t95\t0\t0\n"
)
HISTDATA = (
    "20240701 000000;1.071200;1.071500;1.071000;1.071400;0\n"
    "20240701 000100;1.071400;1.071600;1.071300;1.071500;0\n"
    "20240701 000200;1.071500;1.071500;1.071100;1.071200;0\n"
)
CSV = (
    "timestamp,open,high,low,close,volume\n"
    "2024-07-01 00:00:00,1.0712,1.0715,1.0710,1.0714,1\n"
    "2024-07-01 00:01:00,1.0714,1.0716,1.0713,1.0715,2\n"
    "2024-07-01 00:02:00,1.0715,1.0715,1.0711,1.0712,3\n"
)
CANDLES = [
    [1719792000000, 1.0712, 1.0715, 1.0710, 1.0714, 1],
    [1719792060000, 1.0714, 1.0716, 1.0713, 1.0715, 2.5],
    [1719792120000, 1.0715, 1.0715, 1.0711, 1.0712, 0],
]
CLOSES = [1.0714, 1.0715, 1.0712]


def read(
    folder: Path, content: str | bytes, name: str = "in.csv", layout: str = "auto", zone: str | None = None
) -> Source:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_source(path, layout, zone, None)


def refusal(
    folder: Path, content: str | bytes, name: str = "in.csv", layout: str = "auto", zone: str | None = None
) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, content, name, layout, zone)
    said = str(caught.value)
    assert str(folder / name) in said
    return said


def first(source: Source) -> str:
    return iso(int(source.bars["ts"][0]))


def table(**changed: object) -> pa.Table:
    columns = dict(zip(("date", "open", "high", "low", "close", "volume"), zip(*CANDLES, strict=True), strict=True))
    made = {name: pa.array([float(one) for one in column]) for name, column in columns.items()}
    made["date"] = pa.array(columns["date"], pa.timestamp("ms", "UTC"))
    return pa.table(made | changed)


def as_feather(made: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    feather.write_feather(made, sink, compression="lz4")
    return bytes(sink.getvalue().to_pybytes())


def as_parquet(made: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(made, sink)
    return bytes(sink.getvalue().to_pybytes())


# --- layouts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "zone", "layout", "start"),
    [
        (MT5 + MT5_ROWS, "in.csv", "America/New_York+7", "mt5", "2024-06-30T21:00:00Z"),
        (MT5 + MT5_ROWS, "in.csv", "UTC", "mt5", "2024-07-01T00:00:00Z"),
        ((MT5 + MT5_ROWS).replace("\n", "\r\n"), "in.csv", "UTC", "mt5", "2024-07-01T00:00:00Z"),
        ((MT5 + MT5_ROWS).replace("\t", ","), "in.csv", "UTC", "mt5", "2024-07-01T00:00:00Z"),
        ((MT5 + MT5_ROWS).replace(":00\t", "\t"), "in.csv", "UTC", "mt5", "2024-07-01T00:00:00Z"),
        ((MT5 + MT5_ROWS).encode("utf-16"), "in.csv", "UTC", "mt5", "2024-07-01T00:00:00Z"),
        (b"\xef\xbb\xbf" + (MT5 + MT5_ROWS).encode(), "in.csv", "UTC", "mt5", "2024-07-01T00:00:00Z"),
        (HISTDATA, "DAT_ASCII.csv", None, "histdata", "2024-07-01T05:00:00Z"),
        (HISTDATA, "DAT_ASCII.csv", "UTC", "histdata", "2024-07-01T00:00:00Z"),
        (
            HISTDATA.replace("20240701 00", "2024.07.01,00:").replace("00;", ";", 3).replace(";", ","),
            "DAT_MT.csv",
            None,
            "histdata",
            "2024-07-01T05:00:00Z",
        ),
        (CSV, "in.csv", "Europe/Athens", "csv", "2024-06-30T21:00:00Z"),
        (CSV.replace(":00,", ":00Z,"), "in.csv", None, "csv", "2024-07-01T00:00:00Z"),
        (CSV.replace(":00,", ":00+02:00,"), "in.csv", None, "csv", "2024-06-30T22:00:00Z"),
        (CSV.replace(",", ";"), "in.csv", "UTC", "csv", "2024-07-01T00:00:00Z"),
        (CSV.replace("timestamp", "Date").replace("open", "Open"), "in.csv", "UTC", "csv", "2024-07-01T00:00:00Z"),
        (CSV.replace("timestamp", "date,time").replace(" 00:", ",00:"), "in.txt", "UTC", "csv", "2024-07-01T00:00:00Z"),
        (CSV.replace("2024-07-01", "2024/07/01"), "in.csv", "UTC", "csv", "2024-07-01T00:00:00Z"),
        (CSV.replace(":00,", ":00.000,"), "in.csv", "UTC", "csv", "2024-07-01T00:00:00Z"),
        (
            CSV.replace("2024-07-01 00:00:00", "1719792000")
            .replace("2024-07-01 00:01:00", "1719792060")
            .replace("2024-07-01 00:02:00", "1719792120"),
            "in.csv",
            None,
            "csv",
            "2024-07-01T00:00:00Z",
        ),
        (json.dumps(CANDLES), "EUR_USD-1m.json", None, "freqtrade", "2024-07-01T00:00:00Z"),
        (gzip.compress(json.dumps(CANDLES).encode()), "EUR_USD-1m.json.gz", None, "freqtrade", "2024-07-01T00:00:00Z"),
        (as_feather(table()), "EUR_USD-1m.feather", None, "freqtrade", "2024-07-01T00:00:00Z"),
        (as_parquet(table()), "EUR_USD-1m.parquet", None, "freqtrade", "2024-07-01T00:00:00Z"),
        (
            as_parquet(table(date=pa.array([one[0] for one in CANDLES]))),
            "EUR_USD-1m.parquet",
            None,
            "freqtrade",
            "2024-07-01T00:00:00Z",
        ),
    ],
)
def test_every_layout(
    tmp_path: Path, content: str | bytes, name: str, zone: str | None, layout: str, start: str
) -> None:
    made = read(tmp_path, content, name, zone=zone)
    named = read(tmp_path, content, name, layout=layout, zone=zone)

    assert (made.layout, first(made), made.timeframe) == (layout, start, "M1")
    assert made.bars["close"].tolist() == CLOSES
    assert made.bars["high"].tolist() == [1.0715, 1.0716, 1.0715]
    assert np.diff(made.bars["ts"]).tolist() == [MINUTE, MINUTE]
    assert named.bars.tobytes() == made.bars.tobytes()


def test_mt5_tells_ticks_and_points(tmp_path: Path) -> None:
    made = read(tmp_path, MT5 + MT5_ROWS, zone="UTC")

    assert made.bars["volume"].tolist() == [120, 80, 95]
    assert made.bars["spread"].tolist() == [0.00006, 0.00012, 0.0]
    assert made.notes == [
        "volume is the number of ticks: the file has no traded volume",
        "spread was in points of 0.00001",
    ]


def test_mt5_with_traded_volume_and_no_spread(tmp_path: Path) -> None:
    rows = MT5_ROWS.replace("\t0\t", "\t7\t").replace("\t6\n", "\t0\n").replace("\t12\n", "\t0\n")

    made = read(tmp_path, MT5 + rows, zone="UTC")

    assert made.bars["volume"].tolist() == [7, 7, 7]
    assert np.isnan(made.bars["spread"]).all()
    assert made.notes == ["spread is unknown: the file has none above 0"]


def test_a_point_is_the_last_decimal_of_the_prices(tmp_path: Path) -> None:
    content = MT5 + "".join(
        f"2024.07.01\t00:0{minute}:00\t161.000\t161.010\t160.900\t161.000\t9\t0\t12\n" for minute in range(3)
    )

    assert read(tmp_path, content, zone="UTC").bars["spread"].tolist() == [0.012] * 3


def test_daily_bars_of_mt5_have_no_time(tmp_path: Path) -> None:
    content = "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n" + "".join(
        f"2024.07.0{day}\t1.1\t1.2\t1.0\t1.15\t100\t0\t5\n" for day in (1, 2, 3, 4, 5, 8)
    )

    made = read(tmp_path, content, zone="America/New_York+7")

    assert (first(made), made.timeframe) == ("2024-06-30T21:00:00Z", "D1")


def test_daily_bars_over_the_change_of_the_clocks(tmp_path: Path) -> None:
    content = "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\n" + "".join(
        f"2024.03.{day:02}\t1.1\t1.2\t1.0\t1.15\n" for day in (6, 7, 8, 11, 12, 13)
    )

    made = read(tmp_path, content, zone="America/New_York+7")

    assert made.timeframe == "D1"
    assert [iso(int(one))[11:13] for one in made.bars["ts"]] == ["22", "22", "22", "21", "21", "21"]


# --- what is refused --------------------------------------------------------------------------

BAD_CSV = CSV.replace("1.0715,1.0715", "1.0715,oops")


@pytest.mark.parametrize(
    ("content", "name", "options", "said"),
    [
        ("", "in.csv", {}, "the file is empty"),
        (CSV, "in.csv", {}, "have no zone; give --zone"),
        (MT5 + MT5_ROWS, "in.csv", {}, "America/New_York\\+7; data check tells"),
        (MT5 + MT5_ROWS, "in.csv", {"layout": "histdata"}, "row 1: .*is not HistData's"),
        (CSV, "in.csv", {"layout": "mt5", "zone": "UTC"}, "not MT5's <DATE>"),
        (CSV, "in.csv", {"layout": "freqtrade"}, "not whole JSON"),
        (CSV.replace(":00,", ":00Z,"), "in.csv", {"zone": "Europe/Athens"}, "state their zone; leave out --zone"),
        (
            CSV.replace("00:01:00,", "00:01:00Z,"),
            "in.csv",
            {"zone": "UTC"},
            "row 2: '2024-07-01 00:01:00Z' is not a time",
        ),
        (CSV.replace("2024-07-01 00:01", "01/07/2024 00:01"), "in.csv", {"zone": "UTC"}, "row 2: '01/07/2024"),
        (CSV.replace("07-01 00:01", "13-41 00:01"), "in.csv", {"zone": "UTC"}, "row 2: '2024-13-41.*on no calendar"),
        (CSV.replace("2024-07-01 00:01:00", ""), "in.csv", {"zone": "UTC"}, "row 2: None is not a time"),
        (BAD_CSV, "in.csv", {"zone": "UTC"}, "column high, row 3: 'oops' is not a number"),
        (CSV.replace("1.0716", "1,0716"), "in.csv", {"zone": "UTC"}, "row 2: 7 values for 6 columns"),
        (CSV + "2024-07-01 00:0", "in.csv", {"zone": "UTC"}, "row 4: 1 values for 6 columns.*truncated"),
        (CSV.replace("close", "last"), "in.csv", {"zone": "UTC"}, "no column for close"),
        (CSV.replace("timestamp", "when"), "in.csv", {"zone": "UTC"}, "no column for a time"),
        (CSV.replace("volume", "close"), "in.csv", {"zone": "UTC"}, "column close appears 2 times"),
        (CSV.split("\n")[0], "in.csv", {"zone": "UTC"}, "no bars in it"),
        ("\n\n", "in.csv", {"zone": "UTC"}, "no column for a time, open"),
        (CSV.replace("1.0716", "-1.0716"), "in.csv", {"zone": "UTC"}, "column high, row 2 .* is not above zero"),
        (CSV.replace("1.0716", ""), "in.csv", {"zone": "UTC"}, "column high, row 2 .*: nan is not a number"),
        (CSV.replace("1.0716", "1e999"), "in.csv", {"zone": "UTC"}, "column high, row 2 .*: inf is not a number"),
        (CSV.replace("1.0716", "1.0"), "in.csv", {"zone": "UTC"}, "column high, row 2 .* is below the low"),
        (CSV.replace("00:02:00", "00:01:00"), "in.csv", {"zone": "UTC"}, "row 3: .* repeats the stamp"),
        (CSV.replace("00:02:00", "00:00:30"), "in.csv", {"zone": "UTC"}, "row 3: .* is earlier than the row before"),
        (CSV.encode() + b"\xff\xff", "in.csv", {"zone": "UTC"}, "line 5 is not a text in UTF-8"),
        (b"\x00" * 40, "in.csv", {"zone": "UTC"}, "holds zero bytes"),
        (b"\xff\xfe\x00", "in.csv", {"zone": "UTC"}, "is not a text"),
        (HISTDATA.replace("1.071600", "abc"), "in.csv", {}, "column high, row 2: 'abc' is not a number"),
        (
            HISTDATA.replace("20240701 000100", "20240701 250100"),
            "in.csv",
            {},
            "row 2: '20240701 250100' is on no calendar",
        ),
        (HISTDATA[:-20], "in.csv", {}, "row 3: 4 values for 6 columns"),
        ("20240701 000003660,1.3066,1.30677,0\n", "in.csv", {}, "it holds ticks"),
        ("<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\n", "in.csv", {"zone": "UTC"}, "it holds ticks"),
        (json.dumps(CANDLES)[:-9], "in.json", {}, "not whole JSON"),
        ("[]", "in.json", {}, "no candles"),
        ('{"a": 1}', "in.json", {}, "not a list of candles"),
        (json.dumps(CANDLES).replace("1.0716", '"x"'), "in.json", {}, "column high, row 2: 'x' is not what"),
        (json.dumps(CANDLES).replace("1.0716", "null"), "in.json", {}, "column high, row 2 .*: nan is not a number"),
        (json.dumps([*CANDLES, [1]]), "in.json", {}, "row 4: .* is not what a candle holds"),
        (json.dumps([[10**18, 1, 1, 1, 1, 1]]), "in.json", {}, "times go from 1678"),
        (json.dumps(CANDLES), "in.json", {"zone": "EST"}, "freqtrade keeps times in UTC"),
        (json.dumps(CANDLES), "in.json", {"layout": "mt5"}, "not of the layout mt5"),
        (gzip.compress(json.dumps(CANDLES).encode())[:-12], "in.json.gz", {}, "gzip file is damaged or truncated"),
        (as_feather(table())[:-30], "in.feather", {}, "no feather file, or damaged"),
        (as_parquet(table())[:-30], "in.parquet", {}, "no parquet file, or damaged"),
        (b"hello", "in.feather", {}, "no feather file, or damaged"),
        (as_parquet(table().drop_columns(["close"])), "in.parquet", {}, "missing column close"),
        (
            as_parquet(table(open=pa.array(["a", "b", "c"]))),
            "in.parquet",
            {},
            "column open, row 1: 'a' is not a number",
        ),
    ],
)
def test_what_is_no_series_of_bars_is_refused_with_its_place(
    tmp_path: Path, content: str | bytes, name: str, options: dict[str, str], said: str
) -> None:
    assert re.search(said, refusal(tmp_path, content, name, **options)), refusal(tmp_path, content, name, **options)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ((MT5 + MT5_ROWS).encode(), "in.csv"),
        ((MT5 + MT5_ROWS).encode("utf-16"), "in.csv"),
        (HISTDATA.encode(), "in.csv"),
        (CSV.encode(), "in.csv"),
        (json.dumps(CANDLES).encode(), "in.json"),
        (gzip.compress(json.dumps(CANDLES).encode()), "in.json.gz"),
        (as_feather(table()), "in.feather"),
        (as_parquet(table()), "in.parquet"),
    ],
    ids=["mt5", "mt5 in utf-16", "histdata", "csv", "json", "gzip", "feather", "parquet"],
)
def test_a_truncated_or_damaged_file_is_bars_or_a_refusal(tmp_path: Path, content: bytes, name: str) -> None:
    chance = np.random.default_rng(1)
    path = tmp_path / name
    cuts = [content[:end] for end in range(0, len(content), max(1, len(content) // 80))]
    flips = []
    for _ in range(120):
        flipped = bytearray(content)
        flipped[int(chance.integers(len(content)))] = int(chance.integers(256))
        flips.append(bytes(flipped))
    problems: list[str] = []
    for one in (*cuts, *flips):
        path.write_bytes(one)
        try:
            read_source(path, "auto", "UTC", None)
        except ConfigError as error:
            problems += error.problems

    assert len(problems) > len(cuts) // 2
    assert [one for one in problems if str(path) not in one] == []


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        read_source(tmp_path / "none.csv", "auto", None, None)
    with pytest.raises(ConfigError, match="it is no file"):
        read_source(tmp_path, "auto", None, None)


def test_the_timeframe_has_to_be_the_one_stated(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(CSV)

    assert read_source(tmp_path / "in.csv", "auto", "UTC", "M1").timeframe == "M1"
    with pytest.raises(ConfigError, match="--timeframe says M5, its bars are M1"):
        read_source(tmp_path / "in.csv", "auto", "UTC", "M5")


# --- through the file to the feed ---------------------------------------------------------------


def mt5_text(made: Bars, ahead: Callable[[int], int]) -> str:
    """An export by a broker whose clock is ``ahead`` (nanoseconds) of UTC."""
    rows = []
    for bar in made:
        clock = iso(int(bar["ts"]) + ahead(int(bar["ts"])))
        prices = "\t".join(f"{bar[one]:.5f}" for one in ("open", "high", "low", "close"))
        rows.append(f"{clock[:10].replace('-', '.')}\t{clock[11:19]}\t{prices}\t{bar['volume']:.0f}\t0\t5\n")
    return MT5 + "".join(rows)


def test_an_imported_file_is_found_and_read_by_a_run(tmp_path: Path) -> None:
    made = walk(500)
    made["spread"] = 0.00005
    path = tmp_path / "export.csv"
    path.write_text(mt5_text(made, lambda _: 2 * HOUR))

    source = read_source(path, "auto", "America/New_York+7", None)
    folder = tmp_path / "data"
    write_bars(target(folder, "EURUSD", source.timeframe, False), source)

    found = find_sources([str(folder)], ["EURUSD"], None)
    assert found == {"EURUSD": folder / "EURUSD_M1.parquet"}
    back = read_bars(found["EURUSD"])
    assert back.bars.tobytes() == made.tobytes()
    assert (back.zone, back.stated) == ("UTC", "M1")
    assert [one.name for one in folder.iterdir()] == ["EURUSD_M1.parquet"]
    stated = parquet.read_schema(found["EURUSD"]).metadata
    assert (stated[b"argus.zone"], stated[b"argus.layout"]) == (b"America/New_York+7", b"mt5")
    feed = RecordedFeed(("EURUSD",), {"EURUSD": str(found["EURUSD"])}, "M5", {"EURUSD": "forex"})
    assert (feed.info().timeframe, feed.info().symbols) == ("M5", ("EURUSD",))


def test_an_earlier_import_is_overwritten_by_force_only(tmp_path: Path) -> None:
    source = read(tmp_path, CSV, zone="UTC")
    path = target(tmp_path, "EURUSD", "M1", False)
    write_bars(path, source)
    before = path.read_bytes()

    with pytest.raises(ConfigError, match=r"EURUSD_M1\.parquet is there; --force"):
        target(tmp_path, "EURUSD", "M1", False)

    write_bars(target(tmp_path, "EURUSD", "M1", True), source._replace(bars=bars(1.0, 1.1, 1.2)))
    assert path.read_bytes() != before
    assert read_bars(path).bars["close"].tolist() == [1.0, 1.1, 1.2]


def test_two_files_of_one_symbol_are_refused_also_by_force(tmp_path: Path) -> None:
    (tmp_path / "EURUSD_M1.csv").write_text(CSV)

    with pytest.raises(ConfigError, match=r"EURUSD_M1\.csv is there: of two files"):
        target(tmp_path, "EURUSD", "M1", True)


def test_what_a_run_would_refuse_is_not_written(tmp_path: Path) -> None:
    source = read(tmp_path, CSV, zone="UTC")
    wrong = source.bars.copy()
    wrong["high"][1] = 0.5
    path = target(tmp_path / "data", "EURUSD", "M1", False)

    with pytest.raises(ConfigError, match="is below the low"):
        write_bars(path, source._replace(bars=wrong))
    assert not path.parent.exists()


@pytest.mark.parametrize("symbol", ["", "../EURUSD", "EUR/USD", ".hidden", "A B", "a\n"])
def test_a_symbol_is_part_of_a_name(symbol: str) -> None:
    with pytest.raises(ConfigError, match="letters, digits"):
        check_symbol(symbol)


def test_real_bars_come_back_as_they_were(tmp_path: Path) -> None:
    made = read_bars(recorded_file("XAUUSD_M5.parquet")).bars
    content = "ts;open;high;low;close;volume\n" + "".join(
        f"{iso(int(one['ts']))};{one['open']!s};{one['high']!s};{one['low']!s};{one['close']!s};{one['volume']!s}\n"
        for one in made[:20_000]
    )

    source = read(tmp_path, content)

    assert source.timeframe == "M5"
    for column in ("ts", "open", "high", "low", "close", "volume"):
        assert (source.bars[column] == made[column][:20_000]).all()


def test_a_walk_over_both_changes_of_the_clocks_comes_back(tmp_path: Path) -> None:
    made = walk(24 * 366, step=HOUR)  # round the clock: the hours that came twice and never are in it

    def ahead(at: int) -> int:
        shift = utc(at).astimezone(ZoneInfo("Europe/Athens")).utcoffset()
        assert shift is not None
        return int(shift.total_seconds()) * 10**9

    source = read(tmp_path, mt5_text(made, ahead), zone="Europe/Athens")

    assert source.timeframe == "H1"
    assert (source.bars["ts"] == made["ts"]).all()
    assert int(source.bars["ts"][0]) == MONDAY
    assert int(source.bars["ts"][-1]) == MONDAY + 366 * DAY - HOUR
