"""The figures, the page about them, the dashboard and the alert rules are about the same things."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.metrics import COUNTER, GAUGE, HISTOGRAM, METRICS, exported
from orchestration.alerts.rules import DEFAULTS
from orchestration.alerts.terms import FIELDS
from orchestration.settings.keys import KEYS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
HOW_TO = (ROOT / "docs/how-to/alerts.md").read_text(encoding="utf-8")
DASHBOARD = json.loads((ROOT / "conf/grafana/argus.json").read_text(encoding="utf-8"))
RULES = ROOT / "conf/prometheus/rules.yaml"

MEASURED = re.compile(r"""(?:count|gauge|observe)\(\s*"(argus_\w+)"|: "(argus_\w+)[",]""")
SERVED = re.compile(r'yield "(argus_\w+)"')
NAMED = re.compile(r"\b((?:ray_)?argus_\w+)")
ROW = re.compile(r"^\| `((?:ray_)?argus_\w+)`(?: `\{([\w,]*)\}`)? \| (\w+) \| (.+) \|$", re.MULTILINE)
ROWS = {found[1]: (found[2] or "", found[3], found[4]) for found in ROW.finditer(PAGE)}


def measured() -> set[str]:
    """Names in the code that measures."""
    files = [path for package in ("actors", "orchestration", "journal") for path in (ROOT / package).rglob("*.py")]
    found = (match for path in files for match in MEASURED.finditer(path.read_text(encoding="utf-8")))
    return {match[1] or match[2] for match in found}


def served() -> set[str]:
    return {name for path in (ROOT / "api").rglob("*.py") for name in SERVED.findall(path.read_text(encoding="utf-8"))}


def family(name: str) -> str:
    """The metric that a series belongs to."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base if base in ROWS and ROWS[base][1] == HISTOGRAM else name


# -- the figures -----------------------------------------------------------------------------------


def test_every_figure_that_is_measured_is_in_the_table_and_the_other_way_round() -> None:
    assert measured() == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_the_page_has_it_as_it_is(name: str) -> None:
    metric = METRICS[name]

    assert ROWS[exported(name)] == (",".join(metric.tags), metric.kind, metric.what)


def test_the_page_has_nothing_that_nobody_measures() -> None:
    assert set(ROWS) == {exported(one) for one in METRICS} | served()
    assert set(NAMED.findall(PAGE)) <= set(ROWS)


def test_kinds_and_buckets_fit() -> None:
    for name, metric in METRICS.items():
        assert metric.kind in (COUNTER, GAUGE, HISTOGRAM), name
        assert bool(metric.buckets) == (metric.kind == HISTOGRAM), name
        assert all(0 < low < high for low, high in zip(metric.buckets, metric.buckets[1:], strict=False)), name
        assert metric.kind == COUNTER or not metric.tags, name


# -- the dashboard ---------------------------------------------------------------------------------


def panels() -> list[dict[str, Any]]:
    return [one for one in DASHBOARD["panels"] if one["type"] != "row"]


def test_the_dashboard_is_one() -> None:
    assert (DASHBOARD["title"], DASHBOARD["uid"]) == ("Argus", "argus")
    assert DASHBOARD["schemaVersion"] >= 36
    numbers = [one["id"] for one in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert {one["name"] for one in DASHBOARD["templating"]["list"]} == {"datasource", "ray"}
    assert [one["url"] for one in DASHBOARD["links"]] == ["${ray}"]
    for one in panels():
        assert one["type"] in ("stat", "timeseries")
        assert one["title"]
        assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [each["refId"] for each in one["targets"]] == [chr(65 + n) for n in range(len(one["targets"]))]
        assert all(each["expr"] and each["legendFormat"] for each in one["targets"])


def test_no_panel_lies_over_another() -> None:
    places = [one["gridPos"] for one in DASHBOARD["panels"]]
    for one in places:
        assert 0 <= one["x"] < one["x"] + one["w"] <= 24
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_the_dashboard_shows_every_figure_of_the_run_and_none_that_is_not() -> None:
    shown = {family(name) for one in panels() for each in one["targets"] for name in NAMED.findall(each["expr"])}

    assert shown <= set(ROWS)
    assert {exported(one) for one in METRICS} <= shown


@pytest.mark.parametrize(
    "expression", sorted({each["expr"] for one in panels() for each in one["targets"]}), ids=lambda text: text[:60]
)
def test_rates_are_taken_of_counters_only_and_tags_exist(expression: str) -> None:
    holds(expression)


def holds(expression: str) -> None:
    assert expression.count("(") == expression.count(")")
    for name in re.findall(r"(?:rate|increase)\((\w+)\[", expression):
        assert name.endswith("_bucket") or ROWS[name][1] == COUNTER
    for tags, name in re.findall(r"by \((\w+)\) \((?:rate|increase)\((\w+)\[", expression):
        assert tags == "le" or tags in ROWS[name][0].split(",")
    for name in re.findall(r"(?:max|min)\((\w+)\)", expression):
        assert ROWS[name][1] == GAUGE


# -- the alert rules -------------------------------------------------------------------------------

GROUPS = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"]]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_a_rule_is_one_and_names_figures_that_exist(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"]
    names = NAMED.findall(rule["expr"])
    assert names
    assert {family(name) for name in names} <= set(ROWS)
    holds(rule["expr"])
    assert f"{rule['alert']}" in PAGE


def test_no_rule_is_there_twice() -> None:
    names = [one["alert"] for one in ALERTS]

    assert len(set(names)) == len(names)
    assert set(re.findall(r"Argus[A-Z]\w+", PAGE)) == set(names)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


# -- the settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [one for one in KEYS if one.startswith(("alerts.", "resources."))])
def test_every_key_is_on_a_page_with_its_default(key: str) -> None:
    page = PAGE if key.startswith("resources.") else HOW_TO

    assert f"`{key}`" in page
    default = KEYS[key].default
    shown = (
        {None: "null", True: "true"}.get(default)
        if default is None or default is True
        else f"{default:g}"
        if (isinstance(default, int | float))
        else str(default or "none")
    )
    (row,) = [line for line in page.splitlines() if line.startswith("|") and f"`{key}`" in line.split("|")[1]]
    assert str(shown) in row


def test_every_rule_and_field_is_on_the_page() -> None:
    for one in DEFAULTS:
        assert f"`{one.name}`" in HOW_TO
    for field in FIELDS:
        assert f"`{field}`" in HOW_TO
