"""The presets: named limits and costs to start from, one file each in conf/presets."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from orchestration.settings import yaml_text
from orchestration.settings.yaml_text import Line, plain


def names() -> list[str]:
    folder = files("conf").joinpath("presets")
    return sorted(one.name.removesuffix(".yaml") for one in folder.iterdir() if one.name.endswith(".yaml"))


def read(name: str) -> dict[str, Line]:
    """The preset's keys as its file has them. ``name`` is one of ``names()``."""
    text = files("conf").joinpath("presets", f"{name}.yaml").read_text(encoding="utf-8")
    return yaml_text.mapping(text)


def presets() -> list[dict[str, Any]]:
    """Name, intent and values of every preset, for the verb ``presets``."""
    found = []
    for name in names():
        values = {key: plain(line) for key, line in read(name).items()}
        found.append({"name": name, "intent": values.pop("intent", ""), "values": values})
    return found
