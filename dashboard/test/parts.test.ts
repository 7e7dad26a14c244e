import { describe, expect, it } from "vitest";
import { arrow } from "../src/parts/diagram";
import { BARS, bars, equity, fallen, follows, levels, seconds, within } from "../src/parts/series";
import { points } from "../src/parts/spark";
import { windowOf } from "../src/parts/virtual";
import { parse, to } from "../src/route";
import { position, session, snapshot } from "../src/wire";

describe("series", () => {
  it("reads times in every unit", () => {
    const at = 1_767_323_045;
    expect(["2026-01-02T03:04:05Z", at, at * 1e3, at * 1e6, at * 1e9].map(seconds)).toEqual([at, at, at, at, at]);
    expect([seconds("x"), seconds(null), seconds(-1)]).toEqual([null, null, null]);
  });

  it("has bars in order, each time once, without holes, and bounded", () => {
    const rows = [[20, 1, 2, 0, 1, 9], [10, 1, 2, 0, 1], [20, 5, 6, 4, 5], [30, null, 1, 1, 1], "x", { ts: 40, open: 1, high: 1, low: 1, close: 1 }];
    expect(bars({ items: rows }).map((one) => [one.time, one.open])).toEqual([[10, 1], [20, 5], [40, 1]]);
    expect(bars({ items: Array.from({ length: 2000 }, (_, n) => [n + 1, 1, 1, 1, 1]) })).toHaveLength(BARS);
    expect(bars(null)).toEqual([]);
  });

  it("knows how far equity is below its peak", () => {
    const found = equity({ items: [{ at: "2026-01-01T00:00:00Z", equity: 100 }, { at: "2026-01-01T00:01:00Z", equity: 80 }, { at: "2026-01-01T00:02:00Z", equity: 120 }] });
    expect(found.map((one) => one.drawdown)).toEqual([0, expect.closeTo(0.2), 0]);
  });

  it("goes on where it ended, or is drawn anew", () => {
    const points = (...values: number[]) => fallen(values.map((value, n) => [n, value] as const));
    expect(follows(points(1, 2), points(1, 2, 3))).toBe(true);
    expect([follows([], points(1)), follows(points(1, 2), points(1)), follows(points(1, 2), points(1, 3, 4)), follows(points(1, 2), points(0, 2, 3))]).toEqual([false, false, false, false]);
  });

  it("finds the bar in which a moment lies", () => {
    const known = bars([[10, 1, 1, 1, 1], [20, 1, 1, 1, 1], [30, 1, 1, 1, 1]]);
    expect([within(known, 5), within(known, 10), within(known, 29), within(known, 99), within(known, null)]).toEqual([null, 10, 20, 30, null]);
  });

  it("names levels by kind and touches", () => {
    expect(levels({ items: [{ price: 1.1, kind: "support", touches: 3 }, { price: "x" }] })).toEqual([{ price: 1.1, kind: "level", title: "support ×3" }]);
  });
});

describe("a long list", () => {
  it("draws what is in sight and a little around it", () => {
    expect(windowOf(0, 400, 40, 1000)).toEqual({ from: 0, to: 16 });
    expect(windowOf(4000, 400, 40, 1000)).toEqual({ from: 94, to: 116 });
    expect(windowOf(39_900, 400, 40, 1000)).toEqual({ from: 991, to: 1000 });
    expect(windowOf(39_900, 400, 40, 3)).toEqual({ from: 3, to: 3 });
  });
});

it("a line of equal values lies in the middle", () => {
  expect(points([5, 5], 10, 20)).toBe("0.0,10.0 10.0,10.0");
});

it("an arrow ends at the edges of its boxes", () => {
  expect(arrow([70, 30], [215, 30], false)).toBe("M129.0 30.0 L156.0 30.0");
});

describe("an address", () => {
  it("keeps any symbol whole", () => {
    for (const symbol of ["EURUSD", "a/b?c#d%20%", "<script>", "ü\u202e"]) expect(parse(to("symbols", symbol)).rest).toBe(symbol);
  });

  it("is the overview where it says nothing, and survives nonsense", () => {
    expect(parse("").view).toBe("overview");
    expect(parse("#/symbols/%E0%A4%A").rest).toBe("%E0%A4%A");
    expect(parse("#/events?types=ALERT,ERROR").query.get("types")).toBe("ALERT,ERROR");
  });
});

describe("answers of the API", () => {
  it("are read in the names of either system", () => {
    expect(position({ symbol: "A", side: "SELL", quantity: 3, entry_price: 2, price_current: 1, sl_price: 4 })).toMatchObject({ quantity: -3, entry: 2, price: 1, stop: 4 });
    expect(position({ symbol: "A", quantity: -3, price: 2, last: 1, stop: null })).toMatchObject({ quantity: -3, entry: 2, price: 1, stop: null });
  });

  it("make nobody an operator who is not told to be one", () => {
    expect([session({ role: "operator" }), session({ role: "Operator" }), session(null), session([])].map((one) => one.role)).toEqual(["operator", "read-only", "read-only", "read-only"]);
  });

  it("may be nonsense", () => {
    for (const body of [null, 5, "x", [], { data: 5 }, { data: { positions: "x", events: [1, null, { type: 3 }], scan: [], trades: 5, engine: "x" } }]) {
      const found = snapshot(body);
      expect([found.positions, found.events, found.trades, found.runId]).toEqual([[], [], [], ""]);
    }
  });
});
