"""The verbs ``config show`` and ``config check``: what a run would be told, and whether it would be accepted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from orchestration.terminal.exits import DONE, exit_code, explained, guarded
from orchestration.terminal.options import AsJson, with_run_options
from orchestration.terminal.output import Column, print_json, print_table, say

if TYPE_CHECKING:
    from domain.errors import ConfigError
    from orchestration.settings import Overrides, Settings


@guarded
@with_run_options(needs_symbols=False)
def show(given: Overrides, as_json: AsJson = False) -> int:
    """Show every key as a run with these options would have it, and where each value comes from.

    Command line over environment (ARGUS__SECTION__KEY=VALUE) over files over preset over defaults.
    """
    from orchestration.settings import describe

    rows = describe(_settings(given))
    if as_json:
        print_json(rows)
        return DONE
    columns = [
        Column("key", lambda row: row["key"]),
        Column("value", lambda row: _yaml(row["value"])),
        Column("from", lambda row: row["from"]),
        Column("what it is", lambda row: row.get("what", "")),
    ]
    print_table(columns, [{"key": f"{key}:", **row} for key, row in rows.items()], "nothing")
    return DONE


@guarded
@with_run_options(needs_symbols=False)
def check(given: Overrides, as_json: AsJson = False) -> int:
    """Check a configuration as run would, before anything is started; all problems at once.

    Exit code 0 with "ok", 4 for a wrong configuration, 2 for a wrong command line. Data files are read when
    run starts, not here.
    """
    from domain.errors import ConfigError

    try:
        settings = _settings(given)
    except ConfigError as error:
        if not as_json:
            raise
        return _refused(error)
    if as_json:
        print_json({"ok": True, "problems": [], "notices": list(settings.notices)})
    else:
        say(*(f"note: {one}" for one in settings.notices), "ok")
    return DONE


def _refused(error: ConfigError) -> int:
    print_json({"ok": False, "problems": explained(error), "notices": []})
    return exit_code(error)


def _settings(given: Overrides) -> Settings:
    """As ``run`` loads them, the strategy's parameters included. Raises ConfigError with all problems."""
    from domain.errors import ConfigError
    from orchestration import kernel_cache
    from orchestration.settings import load, strategy_problems
    from orchestration.terminal.place import now

    settings = load(given)
    files = kernel_cache.user_files(settings.strategy.file)
    kernel_cache.prepare(kernel_cache.cache_root(os.environ), now(), files)
    problems = strategy_problems(settings)
    if problems:
        raise ConfigError(problems)
    return settings


def _yaml(value: Any) -> str:
    """A value as it may be written in a file: JSON is YAML."""
    import msgspec

    if isinstance(value, str):
        return value
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."
