/** What the charts draw, made from answers of the API. */

import { items, list, number, record, text } from "../wire";
import { millis } from "../format";

export const BARS = 500;
export const POINTS = 3000;

/** Times in seconds since 1970. */
export interface Bar {
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
}

export interface Line {
  price: number;
  title: string;
  kind: "entry" | "stop" | "target" | "level";
}

export interface Mark {
  time: number;
  side: "BUY" | "SELL";
  kind: "signal" | "fill";
  text: string;
}

export interface Point {
  time: number;
  equity: number;
  drawdown: number;
}

/** Seconds since 1970 of an ISO time, or of a number in s, ms, µs or ns. */
export function seconds(value: unknown): number | null {
  if (typeof value === "string") {
    const at = millis(value);
    return at === null ? null : Math.floor(at / 1000);
  }
  const at = number(value);
  if (at === null || at <= 0) return null;
  const unit = at > 1e17 ? 1e9 : at > 1e14 ? 1e6 : at > 1e11 ? 1e3 : 1;
  return Math.floor(at / unit);
}

/** Bars in order of time, each time once, at most the last 500. */
export function bars(body: unknown): Bar[] {
  const rows = Array.isArray(body) ? body : list(record(body).items ?? record(body).bars);
  const found = new Map<number, Bar>();
  for (const row of rows) {
    const cells = Array.isArray(row) ? row : named(record(row));
    const time = seconds(cells[0]);
    const [open, high, low, close] = cells.slice(1, 5).map(number);
    if (time === null || open == null || high == null || low == null || close == null) continue;
    found.set(time, { time, open, high, low, close });
  }
  return [...found.values()].sort((a, b) => a.time - b.time).slice(-BARS);
}

function named(row: Record<string, unknown>): unknown[] {
  return [row.ts ?? row.at ?? row.time, row.open, row.high, row.low, row.close];
}

export function levels(body: unknown): Line[] {
  const found: Line[] = [];
  for (const row of items(body)) {
    const price = number(row.price) ?? number(row.level);
    if (price === null) continue;
    const touches = number(row.touches) ?? number(row.touch_count);
    found.push({ price, kind: "level", title: [text(row.kind ?? row.type).slice(0, 24), touches === null ? "" : `×${touches}`].join(" ").trim() });
  }
  return found.slice(0, 30);
}

/** The bar in which a moment lies; null before the first. */
export function within(known: readonly Bar[], time: number | null): number | null {
  if (time === null) return null;
  let [low, high] = [0, known.length - 1];
  let found: number | null = null;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const at = known[middle]?.time ?? 0;
    if (at <= time) {
      found = at;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return found;
}

/** Equity over time, with how far it is below its peak; several values in one second: the last of them. */
export function equity(body: unknown): Point[] {
  const rows = Array.isArray(body) ? body : list(record(body).items ?? record(body).points);
  const found = new Map<number, number>();
  for (const row of rows) {
    const cells = Array.isArray(row) ? row : [record(row).at ?? record(row).ts, record(row).equity];
    const [time, value] = [seconds(cells[0]), number(cells[1])];
    if (time !== null && value !== null) found.set(time, value);
  }
  return fallen([...found].sort((a, b) => a[0] - b[0]).slice(-POINTS));
}

export function fallen(values: readonly (readonly [number, number])[]): Point[] {
  let peak = -Infinity;
  return values.map(([time, value]) => {
    peak = Math.max(peak, value);
    return { time, equity: value, drawdown: peak > 0 ? 1 - value / peak : 0 };
  });
}

/** Whether the points only go on where the ones before ended, so that only the new ones need to be drawn. */
export function follows(before: readonly Point[], after: readonly Point[]): boolean {
  const [first, last] = [before[0], before[before.length - 1]];
  const same = (a: Point | undefined, b: Point | undefined): boolean => a !== undefined && b !== undefined && a.time === b.time && a.equity === b.equity;
  return after.length >= before.length && same(first, after[0]) && same(last, after[before.length - 1]);
}
