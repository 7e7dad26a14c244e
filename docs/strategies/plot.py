"""Draws the example of each strategy page: recorded bars, and where the strategy stood.

    python docs/strategies/plot.py [FOLDER]

FOLDER holds the recorded bars (default: shared/data beside the checkout). Each picture is an SVG of plain paths: the
same bars and the same code give the same bytes. Needs nothing but what Argus needs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from domain.market import BAR, Bars  # noqa: E402
from domain.registry import build  # noqa: E402
from domain.timeframe import iso  # noqa: E402
from strategies import STRATEGIES  # noqa: E402
from strategies.base import resolve  # noqa: E402
from strategies.runner import Rows  # noqa: E402

SHOWN = 240
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 960, 360, 56, 34, 24
EXAMPLES = {
    "ema_cross": ("EURUSD_H1", 3000),
    "confluence": ("BTCUSDT_M5", 20000),
    "bos": ("EURUSD_H1", 9000),
    "mean_reversion": ("EURUSD_H1", 6000),
    "breakout": ("BTCUSDT_M5", 30000),
    "momentum": ("EURUSD_H1", 12000),
    "grid": ("EURUSD_H1", 15000),
    "dca": ("BTCUSDT_M5", 40000),
}
"""Strategy to recorded file, and the bar from which on a stretch with several changes of stance is looked for."""
LONG, SHORT, INK, FAINT = "#1b7f4d", "#b3372f", "#333333", "#888888"


def recorded(folder: Path, name: str) -> Bars:
    frame = pd.read_parquet(folder / f"{name}.parquet")
    bars = np.zeros(len(frame), BAR)
    bars["ts"] = frame.ts.astype("datetime64[ns, UTC]").astype("int64")
    for field in ("open", "high", "low", "close", "volume"):
        bars[field] = frame[field]
    bars["spread"] = np.nan
    return bars


def stretch(changes: NDArray[np.void], start: int, count: int) -> int:
    """The first window after ``start`` with at least six changes, both sides where there are both."""
    for first in range(start, count - SHOWN, SHOWN // 4):
        inside = changes[(changes["bar"] >= first + 5) & (changes["bar"] < first + SHOWN - 5)]
        if len(inside) >= 6 and (set(changes["stance"]) - {0}) <= set(inside["stance"]):
            return first
    return start


def picture(name: str, data: str, bars: Bars, said: NDArray[np.int8], changes: NDArray[np.void], first: int) -> str:
    """Candles, a band below for the stance, an arrow at each entry with its stop, a ring where it became flat."""
    shown = bars[first : first + SHOWN]
    low, high = shown["low"].min(), shown["high"].max()
    step = (WIDTH - LEFT - 10) / SHOWN

    def across(place: float) -> str:
        return f"{LEFT + (place + 0.5) * step:.1f}"

    def down(price: float) -> str:
        return f"{TOP + (high - price) / (high - low) * (HEIGHT - TOP - BOTTOM - 14):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="20" fill="{INK}">{name} on {data}, {iso(int(shown["ts"][0]))} to '
        f"{iso(int(shown['ts'][-1]))}: arrows enter, dashes are their stops, rings become flat</text>",
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        price = low + share * (high - low)
        parts.append(f'<path d="M{LEFT} {down(price)}H{WIDTH - 10}" stroke="#eeeeee"/>')
        parts.append(f'<text x="{LEFT - 4}" y="{down(price)}" text-anchor="end" fill="{FAINT}">{price:.5g}</text>')
    wicks = "".join(f"M{across(i)} {down(bar['high'])}V{down(bar['low'])}" for i, bar in enumerate(shown))
    parts.append(f'<path d="{wicks}" stroke="{FAINT}" stroke-width="0.8"/>')
    for colour, rising in ((LONG, True), (SHORT, False)):
        bodies = "".join(
            f"M{across(i)} {down(bar['open'])}V{down(bar['close'])}"
            for i, bar in enumerate(shown)
            if (bar["close"] >= bar["open"]) == rising
        )
        parts.append(f'<path d="{bodies}" stroke="{colour}" stroke-width="2.4" opacity="0.55"/>')
    for colour, side in ((LONG, 1), (SHORT, -1)):
        held = "".join(
            f"M{LEFT + i * step:.1f} {HEIGHT - BOTTOM}h{step:.2f}"
            for i in np.flatnonzero(said[first : first + SHOWN] == side)
        )
        parts.append(f'<path d="{held}" stroke="{colour}" stroke-width="8"/>')
    for change in changes[(changes["bar"] >= first) & (changes["bar"] < first + SHOWN)]:
        i, side = int(change["bar"]) - first, int(change["stance"])
        x, y = float(across(i)), float(down(shown["close"][i]))
        if side == 0:
            parts.append(f'<circle cx="{x}" cy="{y}" r="4.5" fill="none" stroke="{INK}" stroke-width="1.4"/>')
            continue
        colour = LONG if side > 0 else SHORT
        parts.append(f'<path d="M{x} {y}l-5 {9 * side}h10z" fill="{colour}" stroke="#ffffff"/>')
        stop = shown["close"][i] - side * change["stop"]
        if change["stop"] > 0 and low <= stop <= high:
            parts.append(f'<path d="M{x} {down(stop)}h{12 * step:.1f}" stroke="{colour}" stroke-dasharray="4 3"/>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 5}" fill="{FAINT}">stance: green long, red short, empty flat</text>')
    return "\n".join([*parts, "</svg>", ""])


def drawn(folder: Path, name: str, data: str, start: int) -> tuple[str, int]:
    """The picture of a strategy with its default parameters, and the bar at which it begins."""
    strategy = build("strategy", name, STRATEGIES)
    bars = recorded(folder, data)[: start + 20_000]
    said, changes = Rows(strategy, resolve(strategy, {}), 1, [asset_class(data)]).series(bars)
    first = stretch(changes, start, len(bars))
    return picture(name, data, bars, said.stances, changes, first), first


def asset_class(data: str) -> str:
    return "forex" if data.startswith("EURUSD") else "crypto"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared/data"
    for name, (data, start) in EXAMPLES.items():
        text, first = drawn(folder, name, data, start)
        (Path(__file__).parent / f"{name}.svg").write_text(text, encoding="utf-8")
        print(f"{name}: {data} from bar {first}, {len(text) // 1000} kB")


if __name__ == "__main__":
    main()
