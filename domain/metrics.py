"""Every figure that the actors and the run's own process measure: its kind, its tags, and what it says.

Ray exports them as ``ray_<name>`` (counters with ``_total``, histograms with ``_bucket``, ``_sum`` and ``_count``).
"""

from __future__ import annotations

from typing import NamedTuple

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
MILLISECONDS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
BASIS_POINTS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


class Metric(NamedTuple):
    """``buckets`` are the upper bounds of a histogram."""

    kind: str
    what: str
    tags: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


METRICS: dict[str, Metric] = {
    # the account
    "argus_equity": Metric(GAUGE, "equity in the account currency"),
    "argus_balance": Metric(GAUGE, "balance in the account currency"),
    "argus_day_profit": Metric(GAUGE, "equity since the risk day began, in the account currency"),
    "argus_drawdown": Metric(GAUGE, "fall of equity from its peak, as a fraction of the peak"),
    "argus_exposure": Metric(GAUGE, "gross exposure in the account currency"),
    "argus_positions": Metric(GAUGE, "open positions"),
    "argus_trading_state": Metric(GAUGE, "0 ACTIVE, 1 REDUCING, 2 HALTED"),
    # orders
    "argus_candidates": Metric(COUNTER, "candidates that agents found"),
    "argus_denials": Metric(COUNTER, "candidates that the gate denied", ("code",)),
    "argus_orders": Metric(COUNTER, "orders sent to a venue"),
    "argus_order_steps": Metric(COUNTER, "steps of orders, by the status reached", ("status",)),
    "argus_orders_working": Metric(GAUGE, "orders that work or are on their way"),
    "argus_orders_queued": Metric(GAUGE, "orders that wait in the executor"),
    "argus_orders_in_flight": Metric(GAUGE, "orders that the venue has not answered"),
    "argus_orders_unknown": Metric(GAUGE, "orders of which nothing is certain"),
    "argus_fills": Metric(COUNTER, "fills"),
    "argus_trades": Metric(COUNTER, "positions that were closed, won or lost", ("result",)),
    "argus_slippage_bps": Metric(
        HISTOGRAM,
        "price of a fill against the price that was planned, in basis points, positive is worse",
        (),
        BASIS_POINTS,
    ),
    "argus_stop_unanswered": Metric(COUNTER, "stops whose change the venue did not answer", ("reason",)),
    "argus_reconcile_failed": Metric(COUNTER, "reconciliations with a venue that failed", ("reason",)),
    # time
    "argus_cycles": Metric(COUNTER, "cycles that were closed"),
    "argus_cycle_ms": Metric(HISTOGRAM, "a whole cycle, without waiting for bars", (), MILLISECONDS),
    "argus_scan_ms": Metric(HISTOGRAM, "the scan of all symbols", (), MILLISECONDS),
    "argus_gate_ms": Metric(HISTOGRAM, "the gate's answer to a cycle's wishes, commit included", (), MILLISECONDS),
    "argus_commit_ms": Metric(HISTOGRAM, "a commit to the database", (), MILLISECONDS),
    "argus_feed_age_seconds": Metric(GAUGE, "time since the close of the newest bars that were scanned; live feeds"),
    # the engine
    "argus_engine_state": Metric(GAUGE, "0 idle, 1 initializing, 2 running, 3 paused, 4 error, 5 emergency, 6 stopped"),
    "argus_errors": Metric(COUNTER, "attempts at a cycle that failed"),
    "argus_alerts": Metric(COUNTER, "ALERT events, by kind", ("alert",)),
    "argus_actor_restarts": Metric(COUNTER, "actors that died or were killed, and came back", ("actor",)),
    "argus_events_seq": Metric(GAUGE, "number of the last event that was measured"),
    # research
    "argus_research_calls": Metric(COUNTER, "questions of research, by who answered", ("source", "outcome")),
    "argus_research_ms": Metric(HISTOGRAM, "time of an answer to research", (), MILLISECONDS),
    "argus_research_verdicts": Metric(COUNTER, "candidates that research judged", ("verdict", "effect")),
    "argus_research_usd": Metric(COUNTER, "US dollars that research has cost, where the price is known"),
    # telling people
    "argus_alerts_sent": Metric(COUNTER, "messages that a channel took", ("channel",)),
    "argus_alerts_failed": Metric(COUNTER, "attempts that a channel did not take", ("channel",)),
    "argus_alerts_lost": Metric(COUNTER, "messages that were given up", ("channel",)),
    "argus_alerts_suppressed": Metric(COUNTER, "messages that were not to be sent: same, quiet, rate", ("reason",)),
    # the machine
    "argus_run_cpu_percent": Metric(GAUGE, "processors that the run's processes use, in percent of all"),
    "argus_run_memory_megabytes": Metric(GAUGE, "memory that the run's processes share with nobody"),
    "argus_run_open_files_percent": Metric(GAUGE, "open files of the fullest process, in percent of what it may"),
    "argus_run_processes": Metric(GAUGE, "processes of the run"),
    "argus_machine_memory_percent": Metric(GAUGE, "memory in use on the machine"),
    "argus_disk_used_percent": Metric(GAUGE, "used of the disk that the database is on"),
    "argus_disk_free_megabytes": Metric(GAUGE, "free on the disk that the database is on"),
    "argus_database_megabytes": Metric(GAUGE, "size of the database"),
    "argus_database_wal_megabytes": Metric(GAUGE, "size of SQLite's write-ahead log"),
}


def exported(name: str) -> str:
    """Its name on Ray's port."""
    return f"ray_{name}_total" if METRICS[name].kind == COUNTER else f"ray_{name}"
