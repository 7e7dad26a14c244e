"""The section alerts: secrets stay secrets on every way in and out, and what is wrong is said before the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigError
from orchestration import frozen
from orchestration.settings import Overrides, describe, load, to_json
from orchestration.settings.tree import Alerts, Resources, Settings, from_json

PHONE = "ARGUS__ALERTS__CHANNELS__PHONE"
SECRET = "tgram://123456:secret-token/42"


def settings(environ: dict[str, str] | None = None, **given: Any) -> Settings:
    return load(Overrides(symbols=("EURUSD",), **given), environ or {})


def test_without_a_word_nobody_is_told_and_the_limits_hold() -> None:
    found = settings()

    assert found.alerts == Alerts()
    assert found.alerts.channels == {}
    assert found.resources == Resources()
    assert (found.resources.cpu, found.resources.memory, found.resources.disk) == (80.0, 85.0, 90.0)


def test_a_channel_comes_from_the_environment_and_is_never_shown() -> None:
    found = settings({PHONE: SECRET, "ARGUS__ALERTS__CHANNELS__MAIL": "mailto://u:secret@h"})

    assert found.alerts.channels == {"phone": SECRET, "mail": "mailto://u:secret@h"}
    assert describe(found)["alerts.channels"]["value"] == {"mail": "***", "phone": "***"}
    assert b"secret" not in to_json(found)
    assert "secret" not in str(found.written)


def test_a_run_that_goes_on_takes_its_channels_from_the_environment_of_now() -> None:
    recorded = from_json(to_json(settings({PHONE: SECRET, "ARGUS__ALERTS__CHANNELS__MAIL": "mailto://h"})))
    assert recorded.alerts.channels == {}

    now, missing = frozen.with_secrets(recorded, {PHONE: SECRET})

    assert now.alerts.channels == {"phone": SECRET}
    assert missing == ["alerts.channels.mail"]
    assert frozen.with_secrets(from_json(to_json(settings())), {}) == (from_json(to_json(settings())), [])


def test_rules_are_recorded_with_the_run(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "alerts:\n"
        "  channels: {phone: 'tgram://secret'}\n"
        "  rules:\n"
        "    - {name: fills, on: TRADE_EXECUTION, symbol: [EURUSD, 'BTC*'], title: '{symbol}', dedup: 0,\n"
        "       channels: phone}\n"
        "  quiet: 22:00-07:00 Europe/Berlin\n"
        "  summary: null\n"
        "resources: {cpu: null, disk: 95}\n"
    )
    found = settings(config=(file,))

    (rule,) = found.alerts.rules
    assert (rule.name, rule.on, rule.symbol, rule.dedup) == ("fills", ("TRADE_EXECUTION",), ("EURUSD", "BTC*"), 0.0)
    assert from_json(to_json(found)).alerts.rules == (rule,)
    assert (found.resources.cpu, found.resources.disk) == (None, 95.0)
    assert found.alerts.summary is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alerts: tgram://secret", "alerts must be a mapping of keys to values, not ***"),
        ("alerts: {channels: 'tgram://secret'}", "alerts.channels = ***: allowed: a mapping of name to text"),
        ("alerts: {channels: {a: [secret]}}", "alerts.channels = ***"),
        ("alerts: {channels: {a: secret}}", "a: allowed: an Apprise URL"),
        ("alerts: {channels: {'A B': 'tgram://secret'}}", "allowed names of channels"),
        ("alerts: {quiet: '22-07'}", "a window like '08:00-16:30 Europe/London'"),
        ("alerts: {quiet: '22:00-07:00 Mars/Base'}", "no time zone"),
        ("alerts: {summary: '25:00 UTC'}", "no such time of day"),
        ("alerts: {rate: 0}", "alerts.rate = 0"),
        ("alerts: {timeout: 0}", "alerts.timeout = 0"),
        ("alerts: {rules: [{name: a, text: '{nothing}'}]}", "{nothing} is not a field"),
        ("alerts: {rules: [{name: a, on: NOTHING}]}", "there is no type of event NOTHING"),
        ("alerts: {channels: {a: 'json://h'}, rules: [{name: r, channels: b}]}", "alerts.rules: r: "),
        ("alerts: {rules: [{name: r, channels: b}]}", "alerts.rules: r: "),
        ("resources: {disk: 101}", "resources.disk = 101"),
        ("resources: {every: 0}", "resources.every = 0"),
    ],
)
def test_what_is_wrong_is_said_without_what_is_secret(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)

    with pytest.raises(ConfigError) as refused:
        settings(config=(file,))
    assert said in "\n".join(refused.value.problems)
    assert "secret" not in "\n".join(refused.value.problems)


@pytest.mark.parametrize(
    "text", ["alerts.channels.a b=tgram://secret", "alerts.channels.a={secret", "alerts.channels=secret"]
)
def test_an_option_that_is_wrong_is_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(sets=(text,))
    assert "secret" not in "\n".join(refused.value.problems)
