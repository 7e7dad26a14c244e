"""A name in the configuration becomes an object: dictionaries of ``"module:attribute"`` strings."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from domain.errors import ConfigError


def load(reference: str) -> Any:
    """``"module:attribute"`` to the object. Raises ConfigError naming the reference."""
    module, _, attribute = reference.partition(":")
    if not module or not attribute:
        raise ConfigError(f"{reference!r} is not of the form 'module:attribute'")
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{reference!r}: {error.name} is not installed") from error
    try:
        return getattr(found, attribute)
    except AttributeError:
        raise ConfigError(f"{reference!r}: {module} has no {attribute!r}") from None


def unknown(kind: str, name: str, names: Mapping[str, object] | tuple[str, ...] | list[str]) -> str:
    """The message for a name that is not registered, with the nearest one that is."""
    known = sorted(names)
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}{hint} (known: {', '.join(known)})"


def build(kind: str, name: str, names: Mapping[str, str]) -> Any:
    """The object registered under ``name``. Raises ConfigError with what is known."""
    if name not in names:
        raise ConfigError(unknown(kind, name, names))
    return load(names[name])
