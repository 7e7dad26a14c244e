"""Everything that can be read: one router for each subject."""

from __future__ import annotations

from fastapi import APIRouter

from api.read import (
    account,
    backtests,
    engine,
    health,
    performance,
    research,
    risk,
    scan,
    settings,
    symbols,
    trading,
)

ROUTERS: tuple[APIRouter, ...] = tuple(
    one.router
    for one in (scan, account, trading, risk, symbols, performance, research, engine, settings, health, backtests)
)
