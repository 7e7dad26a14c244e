from __future__ import annotations

import math
from typing import Annotated, Any, NamedTuple

import pytest

from domain.errors import ConfigError
from strategies.base import fingerprint, parameters_problems, plain, resolve
from strategies.ema_cross import Params, ema_cross
from strategies.parameters import Between, OneOf, declared


def test_defaults_are_filled_in_and_numbers_get_their_declared_kind() -> None:
    params = resolve(ema_cross, {"stop_atr": 1, "side": "short", "slow": 50})

    assert params == Params(fast=10, slow=50, side=2, atr=14, stop_atr=1.0, target_atr=3.0)
    assert [type(value) for value in params] == [int, int, int, int, float, float]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"fasst": 5}, "strategy.fasst: unknown parameter of ema_cross 'fasst'; did you mean 'fast'? (known: atr, "),
        ({"fast": True}, "strategy.fast = True: give a whole number from 1 to 10000"),
        ({"fast": 5.0}, "strategy.fast = 5.0: give a whole number from 1 to 10000"),
        ({"fast": "5"}, "strategy.fast = '5': give a whole number from 1 to 10000"),
        ({"fast": None}, "strategy.fast = None: give a whole number from 1 to 10000"),
        ({"fast": 0}, "strategy.fast = 0: allowed is 1 to 10000 bars"),
        ({"slow": 10_001}, "strategy.slow = 10001: allowed is 2 to 10000 bars"),
        ({"slow": 10**400}, "strategy.slow = 1000"),
        ({"stop_atr": 10**400}, "strategy.stop_atr = 1000"),
        ({"stop_atr": math.nan}, "strategy.stop_atr = nan: give a finite number from 0 to 100"),
        ({"stop_atr": math.inf}, "strategy.stop_atr = inf: give a finite number from 0 to 100"),
        ({"stop_atr": False}, "strategy.stop_atr = False: give a finite number from 0 to 100"),
        ({"stop_atr": -0.1}, "strategy.stop_atr = -0.1: allowed is 0 to 100 ATR"),
        ({"side": "up"}, "strategy.side = 'up': choose one of both, long, short"),
        ({"side": 1}, "strategy.side = 1: choose one of both, long, short"),
        ({"side": ["long"]}, "strategy.side = ['long']: choose one of both, long, short"),
        ({"fast": 30}, "strategy.fast = 30: must be below strategy.slow = 30; lower fast or raise slow"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(given: dict[str, Any], problem: str) -> None:
    (found,) = parameters_problems(ema_cross, given)

    assert found.startswith(problem)


def test_all_problems_come_together() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(ema_cross, {"fasst": 5, "slow": -1, "side": 3})
    assert len(caught.value.problems) == 3

    assert len(parameters_problems(ema_cross, {"fasst": 5, "fast": 40})) == 2


def test_the_fingerprint_is_sorted_and_tells_every_parameter_apart() -> None:
    assert (
        fingerprint(resolve(ema_cross, {}))
        == '{"atr":14,"fast":10,"side":"both","slow":30,"stop_atr":2.0,"target_atr":3.0}'
    )
    changed = ({}, {"fast": 11}, {"slow": 31}, {"side": "long"}, {"atr": 15}, {"stop_atr": 0}, {"target_atr": 0.5})
    assert len({fingerprint(resolve(ema_cross, given)) for given in changed}) == len(changed)
    assert fingerprint(resolve(ema_cross, {"stop_atr": 2})) == fingerprint(resolve(ema_cross, {"stop_atr": 2.0}))


def test_parameters_written_out_resolve_to_the_same() -> None:
    params = resolve(ema_cross, {"side": "short", "stop_atr": 1.5})

    assert resolve(ema_cross, plain(params)) == params


class Silent(NamedTuple):
    length: int = 10


class WithoutDefault(NamedTuple):
    length: Annotated[int, Between(1, 10, "bars", "length")]


class OutsideItsBounds(NamedTuple):
    length: Annotated[int, Between(1, 10, "bars", "length")] = 11


class WrongKind(NamedTuple):
    length: Annotated[int, Between(1, 10, "bars", "length")] = 2.0  # type: ignore[assignment]


class NoSuchWord(NamedTuple):
    side: Annotated[int, OneOf(("both", "long"), "side")] = 2


@pytest.mark.parametrize("params", [Silent, WithoutDefault, OutsideItsBounds, WrongKind, NoSuchWord])
def test_a_declaration_that_says_too_little_is_refused(params: type[Any]) -> None:
    with pytest.raises(TypeError, match=f"{params.__name__}.*: declare Annotated"):
        declared(params)
