"""``data show``, ``data check`` and ``data import`` as a person and a program see them."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from cli import app

MT5 = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"


def export(folder: Path, count: int = 60, name: str = "export.csv") -> Path:
    rows = [f"2024.07.01\t00:{minute:02}:00\t1.10\t1.12\t1.09\t1.11\t9\t0\t200\n" for minute in range(count)]
    path = folder / name
    path.write_text(MT5 + "".join(rows))
    return path


def said(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["data", *map(str, arguments)])
    assert result.exit_code == code, (result.stdout, result.stderr)
    return result


def imported(folder: Path, *more: str, code: int = 0) -> Result:
    source = export(folder)
    options = ["--to", folder / "data", "--symbol", "EURUSD", "--zone", "America/New_York+7", *more]
    return said("import", source, *options, code=code)


def test_an_import_is_shown_and_checked(tmp_path: Path) -> None:
    told = imported(tmp_path).stdout
    file = tmp_path / "data" / "EURUSD_M1.parquet"

    assert f"wrote  {file}" in told
    assert "60 M1, 2024-06-30T21:00:00Z to 2024-06-30T21:59:00Z" in told
    assert "layout mt5, times America/New_York+7" in told
    assert "volume is the number of ticks" in told
    assert said("check", tmp_path / "data").stdout == "ok: 1 file\n"
    header, row = said("show", tmp_path / "data").stdout.splitlines()
    assert header.split()[:5] == ["file", "symbol", "class", "tf", "first"]
    assert row.split()[:7] == [
        "EURUSD_M1.parquet",
        "EURUSD",
        "forex",
        "M1",
        "2024-06-30T21:00:00Z",
        "2024-06-30T21:59:00Z",
        "60",
    ]
    assert row.split()[-4:] == ["yes", "yes", "1.09", "1.12"]


def test_programs_get_one_document(tmp_path: Path) -> None:
    made = json.loads(imported(tmp_path, "--json").stdout)
    shown = json.loads(said("show", tmp_path / "data", "--json").stdout)
    checked = json.loads(said("check", tmp_path / "data", "--json").stdout)

    assert (made["layout"], made["source_zone"], made["bars"], made["findings"]) == (
        "mt5",
        "America/New_York+7",
        60,
        [],
    )
    assert shown["refused"] == shown["notes"] == []
    assert shown["files"][0]["sha256"] == made["sha256"]
    assert checked == {"ok": True, "files": [made["file"]], "findings": [], "notes": []}


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    imported(tmp_path)

    assert "--force overwrites it" in imported(tmp_path, code=4).stderr
    imported(tmp_path, "--force")


def test_wrong_options_are_wrong_usage_all_at_once(tmp_path: Path) -> None:
    source = export(tmp_path)

    told = said("import", source, "--to", tmp_path, "-s", "A/B", "--zone", "Mars", "-t", "M7", code=2).stderr

    assert told.count("error: ") == 3
    said("import", source, "--to", tmp_path, "-s", "EURUSD", "--format", "excel", code=2)
    said("import", source, "--to", tmp_path, code=2)
    said("show", code=2)


def test_data_that_is_no_series_of_bars_is_refused(tmp_path: Path) -> None:
    source = export(tmp_path)
    source.write_text(source.read_text().replace("00:07:00\t1.10", "00:07:00\t1.x"))

    told = said("import", source, "--to", tmp_path / "data", "-s", "EURUSD", "--zone", "UTC", code=4).stderr

    assert f"{source}: column open, row 8: '1.x' is not a number" in told
    assert not (tmp_path / "data").exists()
    assert "give --zone" in said("import", export(tmp_path), "--to", tmp_path / "data", "-s", "EURUSD", code=4).stderr


def test_a_faulty_file_fails_the_check_and_is_named_beside_the_others(tmp_path: Path) -> None:
    imported(tmp_path)
    broken = tmp_path / "data" / "GBPUSD_M1.csv"
    broken.write_text("ts,open,high,low,close\n2024-01-02T00:00:00Z,1,1,2,1\n2024-01-02T00:01:00Z,1,1,1,1\n")

    told = said("check", tmp_path / "data", code=1).stdout
    shown = said("show", tmp_path / "data", code=4)

    assert f"refused: {broken}: column high, row 1" in told
    assert told.endswith("2 files, 1 with faults\n")
    assert "EURUSD_M1.parquet" in shown.stdout
    assert f"error: {broken}: column high, row 1" in shown.stderr
    listed = json.loads(said("check", broken, "--json", code=1).stdout)
    assert (listed["ok"], listed["findings"][0]["level"]) == (False, "refused")
    said("check", tmp_path / "none", code=4)
