"""What a run is told: command line, environment, files, preset and defaults become one frozen tree."""

from orchestration.settings.description import describe
from orchestration.settings.instrument_list import asset_classes, instruments
from orchestration.settings.loading import load
from orchestration.settings.options import Overrides
from orchestration.settings.preset_files import presets
from orchestration.settings.problems import UsageError
from orchestration.settings.strategy import built as built_strategy
from orchestration.settings.strategy import own_file, strategy_parameters, strategy_problems
from orchestration.settings.tree import Account, Cycle, Feed, Ray, Settings, Strategy, Venue, from_json, to_json

__all__ = [
    "Account",
    "Cycle",
    "Feed",
    "Overrides",
    "Ray",
    "Settings",
    "Strategy",
    "UsageError",
    "Venue",
    "asset_classes",
    "built_strategy",
    "describe",
    "from_json",
    "instruments",
    "load",
    "own_file",
    "presets",
    "strategy_parameters",
    "strategy_problems",
    "to_json",
]
