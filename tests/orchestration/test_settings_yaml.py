"""YAML without its traps."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.settings.yaml_text import Empty, Line, Unreadable, mapping, plain, read_file, value


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", Empty.EMPTY),
        ("010", 10),
        ("-3", -3),
        ("0x10", "0x10"),
        ("1e-5", 1e-5),
        ("1.", 1.0),
        (".5", 0.5),
        ("17:00", "17:00"),
        ("2016-01-04", "2016-01-04"),
        ("20160104-20160331", "20160104-20160331"),
        ("'3'", "3"),
        ('"true"', "true"),
        ("1_000", "1_000"),
        ("9" * 400, float("inf")),
        ("[EURUSD, NO, 1]", ["EURUSD", "NO", 1]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
    ],
)
def test_a_plain_value_means_what_a_person_means(text: str, meant: object) -> None:
    assert value(text) == meant
    assert type(value(text)) is type(meant)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: &x 1\nb: *x", "line 1: anchors and aliases"),
        ("a: {<<: *x}", "anchors and aliases"),
        ("a: 1\nb: 2\na: 3", "line 3: key 'a' is already on line 1"),
        ("r: {x: 1, x: 2}", "key 'x' is already on line 1"),
        ("a: !!python/object/apply:os.system [ls]", "tags"),
        ("a: !!float 1", "tags"),
        ("a: " + "[" * 30 + "]" * 30, "nested deeper than 20"),
        ("[" * 200_000, "nested deeper than 20"),
        ("a: 1\n---\nb: 2", "line 2: a second document"),
        ("[1, 2]", "must be a mapping"),
        ("just text", "must be a mapping"),
        ("? [a]\n: 1", "a key must be a word"),
        ("a: {b: ", "not YAML"),
        ("a: 1\n\tb: 2", "line 2"),
        ("a: \x00", "not YAML"),
    ],
)
def test_tricks_and_mistakes_are_refused_with_their_line(text: str, part: str) -> None:
    with pytest.raises(Unreadable) as caught:
        mapping(text)
    assert part in str(caught.value)


def test_a_key_knows_its_line() -> None:
    assert mapping("# first\na: 1\nb:\n  c: 2\n") == {"a": Line(1, 2), "b": Line({"c": Line(2, 4)}, 3)}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~"])
def test_an_empty_file_says_nothing(text: str) -> None:
    assert mapping(text) == {}


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"a: \xff\xfe", "is not UTF-8"),
        (b"a: 1\n" + b"#" * 1_000_001, "is larger than 1,000,000 bytes"),
        (b"PAR1\x00\x01", "not YAML"),
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, content: bytes, part: str) -> None:
    file = tmp_path / "my.yaml"
    file.write_bytes(content)
    with pytest.raises(Unreadable) as caught:
        read_file(file)
    assert part in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="does not exist"):
        read_file(tmp_path / "none.yaml")
    with pytest.raises(Unreadable, match="is a folder"):
        read_file(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_bytes(b"\xef\xbb\xbfmode: paper\n")
    assert plain(read_file(file)["mode"]) == "paper"
