"""What a person reads after a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from domain.money import to_float
from domain.timeframe import iso
from orchestration.backtest.comparisons.comparing_kinds import KINDS, Difference
from orchestration.backtest.comparisons.comparing_told import WORST, Comparison
from orchestration.terminal.output import aligned

if TYPE_CHECKING:
    from orchestration.backtest.comparisons.comparing_sides import Facts

NONE = "-"
IN_THE_TITLE = ("T", "symbol", "strategy", "purpose")
PARTS = {
    "price": "prices of fills that both have",
    "commission": "their commission",
    "financing": "financing",
    "trade": "trades, or parts of them, that one side has",
}


def lines(found: Comparison) -> Iterator[str]:
    """Both equities, the kinds of differences, slippage, the first difference, and those that have cost most."""
    run, result, currency = found.found, found.result, found.result.settings.account.currency
    if run.simulated:
        yield "SIMULATED MARKET: these prices never were"
    what = "live run" if run.live else "run"
    yield (
        f"{what} {run.run_id} and a backtest: {result.settings.strategy.name} on {', '.join(result.settings.symbols)} "
        f"{result.info.timeframe}, preset {result.settings.preset}, {iso(int(result.moments[0]))} to {iso(found.end)}"
    )
    if run.exit_reason is None:
        yield f"the run has no end: compared are its {run.closed:,} closed cycles"
    for key, (was, now) in found.keys.items():
        yield f"changed {key}: {was} in the run, {now} in the backtest"
    if found.identical:
        yield (
            f"identical: {found.same:,} decisions and {found.fills[0]:,} fills in {run.closed:,} cycles, equity "
            f"{_money(found.equity[0])} {currency} on both sides"
        )
        return
    rows = [
        ["", "run", "backtest", "run - backtest"],
        [f"equity, {currency}", *map(_money, found.equity), _signed(found.equity[0] - found.equity[1])],
        ["decisions", *(f"{one:,}" for one in found.decisions), f"{found.same:,} the same"],
        ["fills", *(f"{one:,}" for one in found.fills), ""],
    ]
    yield from aligned(rows, [False, True, True, True])
    yield ""
    yield from _costs(found, currency)
    yield from _slippage(found, currency)
    if found.differences:
        yield ""
        yield from _first(found)
        yield ""
        yield from _worst(found, currency)


def _costs(found: Comparison, currency: str) -> Iterator[str]:
    rows = [["differences", "", f"cost, {currency}"]]
    rows += [[KINDS[kind], f"{count:,}", _signed(cost)] for kind, (count, cost) in found.kinds().items()]
    parts = found.parts()
    if sum(cost != 0 for cost in parts.values()) > 1:
        rows += [[f"  of these {PARTS[name]}", "", _signed(cost)] for name, cost in parts.items() if cost]
    rows += [[" ".join(one for one in (other.symbol, other.text) if one), "", _signed(other.cost)]
             for other in found.others]  # fmt: skip
    rows.append(["explained", f"{len(found.differences):,}", _signed(found.explained)])
    rows.append(["unexplained", "", _signed(found.unexplained)])
    yield from aligned(rows, [False, True, True])


def _slippage(found: Comparison, currency: str) -> Iterator[str]:
    """Where any fill came at another price."""
    slipped = {symbol: one for symbol, one in found.slippage.items() if one.cost or one.mean_bps or one.median_bps}
    if not slipped:
        return
    rows = [["slippage", "fills", "mean bps", "median bps", f"cost, {currency}"]]
    rows += [
        [symbol, f"{one.fills:,}", f"{one.mean_bps:.4f}", f"{one.median_bps:.4f}", _signed(one.cost)]
        for symbol, one in slipped.items()
    ]
    yield ""
    yield from aligned(rows, [False, True, True, True, True])


def _first(found: Comparison) -> Iterator[str]:
    first, context = found.differences[0], found.context or {}
    yield f"the first difference: {_what(first)}, cycle {context.get('cycle', 0):,}"
    yield f"  why  {first.cause.code}: {first.cause.text}"
    sides = [
        [f"  {name}", _short(_of(first.run, name)), _short(_of(first.backtest, name))]
        for name in first.names
        if name not in IN_THE_TITLE
    ]
    stood = [[f"  {name} then", *(_short((context.get(side) or {}).get(name)) for side in ("run", "backtest"))]
             for name in ("equity", "state", "positions")]  # fmt: skip
    yield from aligned([["", "run", "backtest"], *sides, *stood], [False] * 3)


def _worst(found: Comparison, currency: str) -> Iterator[str]:
    most = found.worst(WORST)
    more = len(found.differences) - len(most)
    yield f"largest by cost{f' (and {more:,} more: --out or --json has all)' if more else ''}:"
    rows = [["ts", "symbol", "purpose", "difference", "run", "backtest", f"cost, {currency}", "bps", "why"]]
    for one in most:
        bps = NONE if not one.slippage_bps else f"{one.slippage_bps:.3f}"
        rows.append(
            [
                *(iso(one.key.at), one.key.symbol, one.key.purpose[:20], KINDS[one.kinds[0]]),
                *(_side(one.run), _side(one.backtest), _signed(one.cost.total), bps),
                f"{one.cause.code}: {one.cause.text}"[:100],
            ]
        )
    yield from aligned(rows, [False, False, False, False, False, False, True, True, False])


def _what(one: Difference) -> str:
    return f"{KINDS[one.kinds[0]]}: {one.key.purpose} {one.key.symbol} at {iso(one.key.at)}"


def _of(side: Facts | None, name: str) -> Any:
    return None if side is None else side.get(name)


def _side(side: Facts | None) -> str:
    """One side in a few words: what was answered, or filled."""
    if side is None:
        return NONE
    if side.get("answer") == "DENIED":
        return f"denied {side['code']}"
    fills = side["fills"]
    if not fills:
        return str(side["status"] or "stop set").lower()
    units, money = sum(one["quantity"] for one in fills), sum(one["quantity"] * one["price"] for one in fills)
    if not units:
        return f"paid {sum(one['commission'] for one in fills):,.2f}"
    return f"{fills[0]['side'].lower()} {units:,.10g} at {money / units:.8g}"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(f"{one['side']} {one['quantity']:,.10g} at {one['price']:.8g}" for one in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {units:,.10g}" for name, units in value.items()) or "none"
    if isinstance(value, float):
        return f"{value:,.10g}"
    return "none" if value in (None, "") else str(value)


def _money(value: int) -> str:
    return f"{to_float(value):,.2f}"


def _signed(value: int) -> str:
    text = f"{to_float(value):+,.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text
