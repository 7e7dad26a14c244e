"""How the world is told: one symbol."""

from __future__ import annotations

from typing import Any

from tests.api.page_world.telling import Plain, Telling


class OfSymbols(Telling):
    """The answers about one symbol."""

    def bars(self, symbol: str) -> list[Any]:
        return list(self._bars.get(symbol, ()))[-500:]

    def levels(self, symbol: str) -> list[Plain]:
        bars = self.bars(symbol)[-300:]
        if not bars:
            return []
        high, low = max(one[2] for one in bars), min(one[3] for one in bars)
        kinds = ((high, "resistance", 4), (low, "support", 3), (low + (high - low) * 0.62, "resistance", 2))
        return [{"price": price, "kind": kind, "touches": touches, "strength": 0.6} for price, kind, touches in kinds]

    def signals(self, symbol: str) -> list[Plain]:
        names = ("direction", "strategy", "score", "price")
        return [
            {
                "id": one["id"],
                "at": one["ts"],
                "code": self.orders[one["correlation_id"]]["code"] or None,
                "status": self.orders[one["correlation_id"]]["status"],
            }
            | {name: one["data"][name] for name in names}
            for one in self.events
            if one["type"] == "CANDIDATE" and one["symbol"] == symbol
        ][-50:]

    def ladder(self, symbol: str) -> Plain | None:
        last = next((one for one in self.orders_of(symbol)), None)
        if last is None:
            return None
        denied = last["status"] == "DENIED"
        rules = [
            {
                "stage": stage,
                "rule": rule,
                "value": value,
                "threshold": limit,
                "unit": unit,
                "passed": True,
                "code": None,
            }
            for stage, rule, value, limit, unit in (
                (1, "trading_state", "ACTIVE", "ACTIVE", None),
                (3, "data_fresh", 0.4, 30, "seconds"),
                (4, "cooldown", 3600, 900, "seconds"),
                (6, "max_daily_loss_share", 0.0081, 0.03, "share"),
                (7, "max_spread", 0.7, 2, "bps"),
                (7, "min_reward_to_risk", 2.0, 1.5, None),
            )
        ]
        if denied:
            rules.append(
                {
                    "stage": 8,
                    "rule": "max_open_positions",
                    "value": 6,
                    "threshold": 6,
                    "unit": None,
                    "passed": False,
                    "code": last["code"],
                }
            )
        caps = [
            {
                "stage": 8,
                "rule": "max_currency_exposure",
                "value": 1.32,
                "threshold": 1.5,
                "unit": "times",
                "passed": True,
                "code": None,
                "fits": 12_400.0,
                "binds": False,
            },
            {
                "stage": 8,
                "rule": "max_exposure",
                "value": 141_000.0,
                "threshold": 150_000.0,
                "unit": "money",
                "passed": True,
                "code": None,
                "fits": last["quantity"],
                "binds": True,
            },
        ]
        size = {
            "method": "fixed_fraction",
            "wanted": 14_000.0,
            "multiplier": 0.8,
            "multiplied": 11_200.0,
            "caps": caps,
            "lot_step": 0.001,
        }
        told = {
            "decision": "DENIED" if denied else "APPROVED",
            "code": last["code"] or None,
            "symbol": symbol,
            "direction": last["side"],
        }
        told |= {
            "strategy": "momentum",
            "score": self.scores.get(symbol),
            "entry": last["entry"],
            "stop": last["stop"],
            "target": last["target"],
        }
        told |= {
            "quantity": 0.0 if denied else last["quantity"],
            "planned_loss": 36.2,
            "currency": "USD",
            "rules": rules,
        }
        told |= {"size": None if denied else size | {"quantity": last["quantity"]}}
        return {"symbol": symbol, "order_id": last["id"], "at": last["at"], "explained": told}
