"""A name in the configuration becomes an object, or a message that helps."""

from __future__ import annotations

import pytest

from domain.errors import ConfigError
from domain.registry import build, load, unknown
from risk.sizing import SIZING
from risk.sizing.fixed_units import FixedUnits

KNOWN = "(known: fixed_fraction, fixed_units, kelly, volatility_target)"


def test_a_registered_name_is_loaded() -> None:
    assert build("sizing method", "fixed_units", SIZING) is FixedUnits


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "fixed_unit",
            f"unknown sizing method 'fixed_unit'; did you mean 'fixed_units'? {KNOWN}",
        ),
        ("xyz", f"unknown sizing method 'xyz' {KNOWN}"),
        ("", f"unknown sizing method '' {KNOWN}"),
    ],
)
def test_an_unknown_name_is_told_with_what_is_known(name: str, message: str) -> None:
    assert unknown("sizing method", name, SIZING) == message
    with pytest.raises(ConfigError) as caught:
        build("sizing method", name, SIZING)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("risk.sizing", "'risk.sizing' is not of the form 'module:attribute'"),
        (":FixedUnits", "':FixedUnits' is not of the form 'module:attribute'"),
        ("risk.sizing:", "'risk.sizing:' is not of the form 'module:attribute'"),
        ("risk.sizing:Nothing", "'risk.sizing:Nothing': risk.sizing has no 'Nothing'"),
        ("risk.nothing:Rule", "'risk.nothing:Rule': risk.nothing is not installed"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(reference: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(reference)
    assert str(caught.value) == message
