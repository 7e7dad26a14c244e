"""The ladder of a decision as a person reads it, and as JSON."""

from __future__ import annotations

from typing import Any, get_args

from domain.money import NANO, to_float
from domain.order import SIDE_NAME
from domain.registry import load
from domain.timeframe import iso
from orchestration.terminal.figures import moment, money, plain, price, quantity
from orchestration.terminal.output import Column, Plain
from risk.explain import CANDIDATE, PRICES, RESEARCH, Cap, Check, Ladder
from risk.rules import RULES

MONEY, SHARE, TIMES, BPS, SECONDS = "money", "share", "times", "bps", "seconds"
_NOT_AS_THE_KEY = {"data_fresh": SECONDS, "locks": "", "quotes": "", "correlation": "", "max_payoff_ratio": ""}
"""Rules that compare something in another unit than that of their key."""


def facts(found: Ladder, currency: str) -> Plain:
    """As JSON values: prices and quantities as numbers, money in the account currency, shares as fractions."""
    wish, answer = found.candidate, found.answer
    denial, loss = answer.denial, found.loss
    share = loss / found.equity if loss is not None and found.equity > 0 else None
    return {
        "decision": "DENIED" if denial else "APPROVED",
        "code": denial.code if denial else None,
        "value": denial.value if denial else None,
        "threshold": denial.threshold if denial else None,
        "symbol": wish.symbol,
        "direction": SIDE_NAME.get(wish.direction, str(wish.direction)),
        "strategy": wish.strategy,
        "at": iso(found.now),
        "score": _number(wish.score),
        "probability": _number(wish.probability),
        "regime": wish.regime or None,
        "price": _amount(wish.price),
        "limit": _amount(wish.limit) or None,
        "spread": to_float(found.spread),
        "entry": _amount(found.reference),
        "stop_distance": _amount(wish.stop),
        "target_distance": _amount(wish.target),
        "stop": to_float(answer.stop) or None,
        "target": to_float(answer.target) if answer.target > 0 else None,
        "quantity": to_float(answer.size) if denial is None else 0.0,
        "closes": to_float(answer.order.reduces) if answer.order else 0.0,
        "planned_loss": None if loss is None else to_float(loss),
        "planned_loss_share": share,
        "currency": currency,
        "equity": to_float(found.equity),
        "rules": [_rule(one) for one in found.checks],
        "size": None if found.size is None else _size(found),
        "not_set": list(found.off),
    }


def _rule(one: Check) -> Plain:
    return {
        "stage": one.stage,
        "rule": one.rule,
        "value": one.value,
        "threshold": one.threshold,
        "unit": unit(one.rule) or None,
        "passed": not one.code,
        "code": one.code or None,
    }


def _size(found: Ladder) -> Plain:
    size = found.size
    assert size is not None
    return {
        "method": size.method,
        "shrinks": size.shrinks,
        "wanted": to_float(size.wanted),
        "multipliers": [{"name": one.name, "times": to_float(one.times)} for one in size.factors],
        "multiplier": to_float(size.factor),
        "multiplied": to_float(size.multiplied),
        "caps": [_cap(one) for one in size.caps],
        "fits": to_float(size.fits),
        "lot_step": to_float(size.step),
        "quantity": to_float(size.quantity),
        "code": size.denial.code if size.denial else None,
    }


def _cap(one: Cap) -> Plain:
    fits = None if one.fits is None else to_float(one.fits)
    return _rule(Check(one.stage, one.rule, one.value, one.threshold, one.code)) | {"fits": fits, "binds": one.binds}


def _amount(value: int) -> float | str:
    """A price or a distance; what is no number as text."""
    return _number(value / NANO)


def _number(value: float) -> float | str:
    return value if value - value == 0 else str(value)


# -- for a person ----------------------------------------------------------------------------------


def head(found: Plain) -> list[tuple[str, str]]:
    """What was asked, and where it would enter."""
    side = {"BUY": "long", "SELL": "short"}.get(found["direction"], found["direction"])
    kind = f"limit {price(found['limit'])}" if found["limit"] else "market"
    regime = f", regime {found['regime']}" if found["regime"] else ""
    spread = f", spread {shown(found['spread'], None)}" if found["spread"] else ""
    away = (
        ("stop", found["stop"], found["stop_distance"]),
        ("target", found["target"], found["target_distance"]),
    )
    return [
        ("wish", f"{found['symbol']} {side}, {kind}{regime}"),
        ("by", f"strategy {found['strategy']}, score {shown(found['score'], None)}"),
        ("at", f"{moment(found['at'])} UTC"),
        ("entry", f"{_price(found['entry'])} (bid {_price(found['price'])}{spread})"),
        *((name, f"{_price(at)} ({shown(distance, None)} away)") for name, at, distance in away if distance),
        ("equity", f"{money(found['equity'])} {found['currency']}"),
    ]


def _price(value: Any) -> str:
    return price(value) if isinstance(value, float) else plain(value)


def rules(found: Plain) -> tuple[list[Column], list[Plain]]:
    """The rules in the gate's order; what is asked of the wish itself only where it denies."""
    columns = [
        Column("stage", lambda row: str(row["stage"]), True),
        Column("rule", lambda row: row["rule"]),
        Column("value", lambda row: shown(row["value"], row["unit"]), True),
        Column("limit", lambda row: shown(row["threshold"], row["unit"]), True),
        Column("passes", _passes),
    ]
    return columns, [one for one in found["rules"] if one["code"] or one["rule"] not in (CANDIDATE, RESEARCH, PRICES)]


def steps(found: Ladder, told: Plain) -> tuple[list[Column], list[Plain]]:
    """The size, from what the method wants to what is left on the lot step."""
    size, said = found.size, told["size"]
    assert size is not None
    rows: list[Plain] = [_step(found, size.method, size.wanted)]
    factors = [one for one in size.factors if (one.name, one.times) != (RESEARCH, NANO)]  # it has said nothing
    rows += [{"step": f"x {one.name}", "value": one.times / NANO, "unit": ""} for one in factors]
    if factors:
        rows.append(_step(found, "after multipliers", size.multiplied) | {"value": size.factor / NANO, "unit": ""})
    for one, cap in zip(said["caps"], size.caps, strict=True):
        rows.append(_step(found, one["rule"], cap.fits) | one)
    last = _step(found, f"on the lot step of {quantity(said['lot_step'])}", size.quantity)
    rows += [last | {"code": size.denial.code if size.denial and not any(one.code for one in size.caps) else None}]
    columns = [
        Column("size", lambda row: row["step"]),
        Column("units", lambda row: quantity(row.get("units")), True),
        Column(f"lost at the stop, {told['currency']}", lambda row: money(row.get("loses")), True),
        Column("value", lambda row: shown(row.get("value"), row.get("unit")), True),
        Column("limit", lambda row: shown(row.get("threshold"), row.get("unit")), True),
        Column("passes", lambda row: _passes(row) if "code" in row else ""),
    ]
    return columns, rows


def _step(found: Ladder, name: str, units: int | None) -> Plain:
    loses = None if units is None else found.loses(units)
    return {
        "step": name,
        "units": None if units is None else to_float(units),
        "loses": None if loses is None else to_float(loses),
    }


def _passes(row: Plain) -> str:
    if row["code"]:
        return f"NO: {row['code']}"
    return "yes, binds" if row.get("binds") else "yes"


def verdict(found: Plain) -> list[str]:
    """The answer in words."""
    if found["decision"] == "DENIED":
        first = next((one for one in found["rules"] if one["code"]), None)
        name = first["rule"] if first else next((one["rule"] for one in _caps(found) if one["code"]), "size")
        kind = unit(name)
        against = f", {shown(found['value'], kind)}" if found["value"] is not None else ""
        against += f" against {shown(found['threshold'], kind)}" if found["threshold"] is not None else ""
        others = sum(1 for one in found["rules"] if one["code"]) - 1
        more = f"; {others} more would deny it" if others > 0 else ""
        closes = f"; closing {quantity(found['closes'])} passes alone" if found["closes"] else ""
        return [f"DENIED by {name}: {found['code']}{against}{more}{closes}"]
    side = "buy" if found["direction"] == "BUY" else "sell"
    also = f", after closing {quantity(found['closes'])}" if found["closes"] else ""
    loss, share = found["planned_loss"], found["planned_loss_share"]
    lost = (
        f"loses {money(loss)} {found['currency']} at the stop, {shown(share, SHARE)} of equity, costs and gaps beside"
        if loss is not None
        else "without a stop: what it may lose is not limited"
    )
    guards = "".join(f", {name} {price(found[name])}" for name in ("stop", "target") if found[name])
    what = f"{side} {quantity(found['quantity'])} {found['symbol']} at {price(found['entry'])}{guards}{also}"
    return [f"APPROVED: {what}", lost]


def _caps(found: Plain) -> list[Plain]:
    return found["size"]["caps"] if found["size"] else []


# -- units -----------------------------------------------------------------------------------------


def unit(rule: str) -> str:
    """In what a rule's figures are: money, share, times, bps, seconds; empty for anything else."""
    if rule in _NOT_AS_THE_KEY or rule not in RULES:
        return _NOT_AS_THE_KEY.get(rule, "")
    return next((found for key in load(RULES[rule]).keys if (found := unit_of(key))), "")


def unit_of(key: str) -> str:
    """In what a key of the section risk is."""
    from orchestration.settings import risk_keys as keys
    from orchestration.settings.key import Bps, Money

    units = ((Money, MONEY), (keys.Share, SHARE), (keys.Times, TIMES), (Bps, BPS), (keys.Long, SECONDS))
    known = keys.RISK_KEYS.get(f"risk.{key}")
    return next((name for kind, name in units if known is not None and _has(known.type, kind)), "")


def _has(type: Any, kind: Any) -> bool:
    """Whether a key's type is this kind, or one that may hold it."""
    return type == kind or any(_has(one, kind) for one in get_args(type))


def shown(value: Any, unit: str | None) -> str:
    """A figure in its unit; times to the second."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = plain(value)
        return moment(text) if len(text) >= 20 and text.endswith("Z") and text[4:5] == "-" else text
    match unit:
        case "money":
            return money(value)
        case "share":
            return f"{value * 100:.4g} %"
        case "times":
            return f"{value:.4g} x"
        case "bps":
            return f"{value:.4g} bps"
        case "seconds":
            return f"{value:g} s"
    return quantity(float(f"{value:.6g}" if abs(value) < 1e5 else value))
