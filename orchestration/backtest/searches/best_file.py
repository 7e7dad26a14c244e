"""The settings of the best trial as a file that ``run -c`` and ``backtest -c`` take."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from orchestration.settings import Settings
from orchestration.settings.keys import SECRET

LEFT_OUT = ("feed.", "ray.", "database.", "cycle.", "supervision.")
"""Where it runs, on what, and who is told: that is for each run to say."""


def best_yaml(settings: Settings, said: str) -> str:
    """The preset, and every key over it that somebody set or the search found. ``said`` is put above it."""
    top: dict[str, Any] = {"preset": settings.preset}
    for key, one in settings.written.items():
        if one.source == "default" or one.source.startswith("preset ") or key in SECRET or key == "mode":
            continue
        if key.startswith(LEFT_OUT) or (key.startswith("venues.") and key.endswith(".name")):
            continue
        if key != "preset":
            _put(top, key, msgspec.to_builtins(one.value))
    top.setdefault("strategy", {})["name"] = settings.strategy.name
    comment = "".join(f"# {line}\n" for line in said.splitlines())
    return comment + str(yaml.safe_dump(top, sort_keys=True, allow_unicode=True))


def _put(top: dict[str, Any], key: str, value: Any) -> None:
    """Under its section; venues and instruments have names between, which may hold dots."""
    section, _, rest = key.partition(".")
    if not rest:
        top[key] = value
    elif section in ("venues", "instruments"):
        name, _, last = rest.rpartition(".")
        top.setdefault(section, {}).setdefault(name, {})[last] = value
    else:
        top.setdefault(section, {})[rest] = value
