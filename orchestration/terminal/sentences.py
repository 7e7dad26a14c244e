"""Events as one line for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from domain import events
from orchestration.terminal.exits import visible
from orchestration.terminal.figures import money, plain, price, quantity, reason

Data = Mapping[str, Any]
LONGEST = 200


def sentence(kind: str, symbol: str | None, data: Data) -> str:
    """What the event says; its type and time are told beside it."""
    tell = _SAYINGS.get(kind)
    if tell is None and kind.startswith("ORDER_"):
        tell = _order
    return visible((tell or _anything)(symbol or "", data))


def _execution(symbol: str, data: Data) -> str:
    return (
        f"{data['side']} {quantity(data['quantity'])} {symbol} at {price(data['price'])} "
        f"({data['reason']}), commission {money(data['commission'])}"
    )


def _candidate(symbol: str, data: Data) -> str:
    why = plain(data.get("reasons") or [])
    return f"{data['direction']} {symbol} at {price(data['price'])}, score {data['score']:.2f} ({why})"


def _denied(symbol: str, data: Data) -> str:
    return f"{data.get('direction', '')} {symbol}: {_limit(data)}".strip()


def _limit(data: Data) -> str:
    """A code with what was found and what is allowed."""
    code, value, threshold = (data.get(name) for name in ("code", "value", "threshold"))
    if value is None and threshold is None:
        return plain(code)
    return f"{code}, {plain(value)}" + (f" against {plain(threshold)}" if threshold is not None else "")


def _approved(symbol: str, data: Data) -> str:
    return f"{data['side']} {quantity(data['quantity'])} {symbol} ({data['purpose']}){_guards(data)}"


def _order(symbol: str, data: Data) -> str:
    what = f"{data['side']} {quantity(data['quantity'])} {symbol}" if "side" in data else symbol
    purpose = f" ({data['purpose']})" if "purpose" in data else ""
    why = ": ".join(str(data[name]) for name in ("code", "text", "reason") if data.get(name))
    return f"{what}{purpose}{f', {why}' if why else ''} [{str(data.get('order_id', ''))[:16]}]"


def _opened(symbol: str, data: Data) -> str:
    return f"{data['side']} {quantity(data['quantity'])} {symbol} at {price(data['entry'])}{_guards(data)}"


def _closed(symbol: str, data: Data) -> str:
    multiple = f", {data['r']:+.2f} R" if data.get("r") is not None else ""
    return (
        f"{data['side']} {quantity(data['quantity'])} {symbol} from {price(data['entry'])} to {price(data['exit'])}: "
        f"{money(data['pnl'], sign=True)}{multiple} ({data['reason']})"
    )


def _guards(data: Data) -> str:
    return "".join(f", {name} {price(data[name])}" for name in ("stop", "target") if data.get(name))


def _account(symbol: str, data: Data) -> str:
    account = data["account"]
    return (
        f"equity {money(account['equity'])} {account['currency']}, balance {money(account['balance'])}, "
        f"day {money(account['day_pl'], sign=True)}"
    )


def _alert(symbol: str, data: Data) -> str:
    if "from" in data and "to" in data:
        return f"{data.get('alert', 'state')} {data['from']} to {data['to']}" + (
            f": {_limit(data)}" if data.get("code") else ""
        )
    return _anything(symbol, data)


def _engine(symbol: str, data: Data) -> str:
    return f"{data['state']} (was {data.get('from', '-')}): {data.get('reason', '')}"


def _error(symbol: str, data: Data) -> str:
    where = f"cycle {data['cycle']}, attempt {data['attempt']}: " if {"cycle", "attempt"} <= set(data) else ""
    return f"{where}{data.get('error') or _anything(symbol, data)}"


def _scan(symbol: str, data: Data) -> str:
    return f"{data['cycle']} {reasons(data['symbols'])} equity {data.get('equity', 0.0):.2f}"


def _scan_start(symbol: str, data: Data) -> str:
    return f"{data.get('cycle', '')} of {data.get('count', 0)} symbols"


def _started(symbol: str, data: Data) -> str:
    return (
        f"{data.get('strategy', '')} on {data.get('count', 0)} symbols {data.get('timeframe', '')}, "
        f"account {data.get('account', '')}"
    )


def _summary(symbol: str, data: Data) -> str:
    return (
        f"{data['cycles']} cycles, {data['candidates']} candidates, {data['orders']} orders, {data['fills']} fills, "
        f"equity {money(data['equity'])}, ended: {data['exit_reason']}"
    )


def _positions(symbol: str, data: Data) -> str:
    held = data.get("positions")
    if held is None:
        return _anything(symbol, data)
    return (
        ", ".join(f"{one['direction']} {quantity(one['quantity'])} {one['symbol']}" for one in held) or "nothing held"
    )


def _anything(symbol: str, data: Data) -> str:
    text = f"{symbol} {msgspec.json.encode(data).decode()}".strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def reasons(symbols: Mapping[str, str], most: int = 8) -> str:
    """``EURUSD=NO_SIGNAL BTC=CANDIDATE``, and for more than ``most`` symbols how many there are of each reason."""
    if len(symbols) <= most:
        return " ".join(f"{symbol}={reason(text)}" for symbol, text in symbols.items())
    counts: dict[str, int] = {}
    for text in symbols.values():
        word = reason(text)
        counts[word] = counts.get(word, 0) + 1
    return " ".join(f"{word}={count}" for word, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])))


_SAYINGS: dict[str, Callable[[str, Data], str]] = {
    events.RUN_STARTED: _started,
    events.SCAN_START: _scan_start,
    events.SCAN_SUMMARY: _scan,
    events.CANDIDATE: _candidate,
    events.RISK_DENIED: _denied,
    events.RISK_APPROVED: _approved,
    events.TRADE_EXECUTION: _execution,
    events.POSITION_OPENED: _opened,
    events.POSITION_CLOSED: _closed,
    events.POSITION_UPDATE: _positions,
    events.ACCOUNT_UPDATE: _account,
    events.ENGINE_STATE: _engine,
    events.ALERT: _alert,
    events.ERROR: _error,
    events.RUN_SUMMARY: _summary,
}
