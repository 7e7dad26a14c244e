"""``notify test`` and ``notify rules``."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cli import app
from tests.orchestration.alerts.receiver import receiving

VARIABLE = "ARGUS__ALERTS__CHANNELS__"


def called(*arguments: str, **channels: str) -> tuple[int, str, str]:
    environ = {f"{VARIABLE}{name.upper()}": url for name, url in channels.items()}
    done = CliRunner(env={"TERM": "dumb", **environ}).invoke(app, ["notify", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_it_sends_one_on_every_channel_and_says_what_came_of_it() -> None:
    with receiving() as works, receiving(500) as broken:
        code, out, err = called("test", works=works.url, broken=broken.url)

    assert code == 1
    assert [line.rpartition(" (")[0] for line in out.splitlines()] == ["broken: failed: it answered 500", "works: sent"]
    assert works.titles() == ["Argus: a test"]
    assert "secret" not in out + err


def test_one_channel_alone() -> None:
    with receiving() as first, receiving() as second:
        code, out, _ = called("test", "--channel", "b", "--json", a=first.url, b=second.url)

    assert code == 0
    (said,) = json.loads(out)
    assert (said["channel"], said["ok"], said["outcome"]) == ("b", True, "sent")
    assert (len(first.got), len(second.got)) == (0, 1)


def test_a_channel_that_hangs_is_not_waited_for_beyond_its_time() -> None:
    with receiving("slow") as server:
        code, out, _ = called("test", "--set", "alerts.timeout=0.3", slow=server.url)

    assert (code, out.partition(" (")[0]) == (1, "slow: failed: no answer within 0.3 s")


@pytest.mark.parametrize(
    ("arguments", "channels", "said"),
    [
        ((), {}, "no channel is configured: set ARGUS__ALERTS__CHANNELS__NAME"),
        (("--channel", "nobody"), {"a": "json://127.0.0.1"}, "unknown channel"),
        ((), {"a": "nosuch://secret"}, "alerts.channels.a: Apprise does not take this URL"),
        ((), {"a": "file:/nowhere/secret.url"}, "No such file"),
    ],
)
def test_nothing_to_send_on(arguments: tuple[str, ...], channels: dict[str, str], said: str) -> None:
    code, out, err = called("test", *arguments, **channels)

    assert code == 4
    assert said in err
    assert "nosuch://" not in out + err


def test_the_rules_in_their_order() -> None:
    own = "alerts.rules=[{name: fills, on: TRADE_EXECUTION, severity: warning}, {name: halted, channels: []}]"
    code, out, _ = called("rules", "--set", own, "--json", phone="json://127.0.0.1/secret")

    found = json.loads(out)
    assert code == 0
    assert found["channels"] == ["phone"]
    assert [one["name"] for one in found["rules"]][:3] == ["fills", "halted", "emergency"]
    assert "secret" not in out

    _, out, _ = called("rules", "--set", own)
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "TRADE_EXECUTION" in lines["fills"]
    assert "nobody" in lines["halted"]
    assert "alert TRADING_STATE; to REDUCING" in lines["drawdown"]
