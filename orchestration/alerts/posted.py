"""The desk of a run, as its settings wish it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from journal.store import Store
from orchestration.alerts.channels import deliveries
from orchestration.alerts.desk import Desk, Run, Wishes
from orchestration.alerts.rules import in_force
from orchestration.alerts.worker import Report
from orchestration.clock import WallClock
from orchestration.plan import Identity, account_of
from orchestration.settings.parse import window
from risk.sessions import time_of_day

if TYPE_CHECKING:
    from domain.market import FeedInfo
    from domain.ports import Meter
    from orchestration.settings.tree import Alerts


def wishes(alerts: Alerts) -> Wishes:
    return Wishes(
        rules=in_force(alerts.rules, alerts.defaults),
        dedup=alerts.dedup,
        rate=alerts.rate,
        timeout=alerts.timeout,
        quiet=None if alerts.quiet is None else window(alerts.quiet),
        summary=None if alerts.summary is None else time_of_day(alerts.summary),
    )


def desk(alerts: Alerts, info: FeedInfo, identity: Identity, meter: Meter, report: Report) -> Desk | None:
    """None where no channel is configured. Raises ConfigError for a channel that cannot be used."""
    if not alerts.channels:
        return None
    mode = "SIMULATED" if info.simulated else "paper"
    run = Run(identity.run_id, account_of(info, identity.run_id), mode, identity.told)
    channels = deliveries(alerts.channels)
    store = Store(identity.db_url, identity.epoch)
    return Desk(run, wishes(alerts), channels, store, WallClock(), meter, report)
