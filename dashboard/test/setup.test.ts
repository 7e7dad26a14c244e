import { describe, expect, it } from "vitest";
import { asking } from "../src/live/api";
import { type Bin, squeezed } from "../src/parts/plot";
import { asked, command, edited, flat, typed, valueOf, without } from "../src/parts/presetdraft";

const BALANCED = { risk: { max_open_positions: 5, sizing: "fixed_fraction", max_spread_bps: { forex: 5 } }, venues: [{ name: "paper", spread: "data" }], odd: [1] };

describe("a preset that is changed", () => {
  const preset = flat(BALANCED);

  it("is known by dotted keys, venues by their names", () => {
    expect([...preset]).toEqual([
      ["risk.max_open_positions", 5],
      ["risk.sizing", "fixed_fraction"],
      ["risk.max_spread_bps", { forex: 5 }],
      ["venues.paper.spread", "data"],
      ["odd", [1]],
    ]);
    expect([...flat({ venues: "x", risk: null })]).toEqual([["risk", null]]);
  });

  it("takes what is typed for what it is", () => {
    for (const value of [5, 0.005, true, null, "fixed_fraction", { forex: 5 }, [1, "a"]]) expect(valueOf(typed(value))).toEqual(value);
    expect([valueOf(" 3 "), valueOf('"3"'), valueOf("{forex: 5"), valueOf("1e999"), valueOf("")]).toEqual([3, "3", "{forex: 5", "1e999", null]);
  });

  it("is no change where a value is again as it was", () => {
    const once = edited({}, preset, "risk.max_open_positions", "3");
    expect(once).toEqual({ "risk.max_open_positions": "3" });
    expect(edited(once, preset, "risk.max_open_positions", "5")).toEqual({});
    expect(edited({}, preset, "risk.max_risk", "")).toEqual({ "risk.max_risk": "" });
    expect(without(once, "risk.max_open_positions")).toEqual({});
  });

  it("is asked about with its changes alone", () => {
    const draft = { "risk.max_open_positions": "3", "risk.max_risk": "" };
    expect(asked("balanced", draft, "")).toEqual({ preset: "balanced", values: { "risk.max_open_positions": 3, "risk.max_risk": null }, strategy: null });
    expect(asked("balanced", {}, "breakout").strategy).toBe("breakout");
  });

  it("can be said on a command line, whatever it holds", () => {
    expect(command("balanced", { "risk.max_open_positions": "3", "risk.sizing": "kelly", "risk.x": "" }, "")).toBe("python cli.py run --preset balanced --set risk.max_open_positions=3 --set risk.sizing=kelly --set risk.x=null");
    expect(command("a b", { "risk.max_spread_bps": '{"forex": 5}', "risk.y": "it's; rm", "risk.z": '"true"' }, "breakout")).toBe(
      `python cli.py run --preset 'a b' --strategy breakout --set 'risk.max_spread_bps={"forex":5}' --set 'risk.y="it'\\''s; rm"' --set 'risk.z="true"'`,
    );
  });
});

describe("columns", () => {
  const bins = (...counts: number[]): Bin[] => counts.map((count, at) => ({ low: at, high: at + 1, count }));

  it("stay as they are while there are few", () => {
    expect(squeezed(bins(1, 2, 3), 3)).toEqual({ bins: bins(1, 2, 3), below: false, above: false });
  });

  it("keep every trip where there are many, the far ones in the outer two", () => {
    const found = squeezed(bins(1, 0, 0, 5, 6, 7, 0, 2), 4);
    expect(found.bins.map((one) => [one.low, one.count])).toEqual([[2, 1], [3, 5], [4, 6], [5, 9]]);
    expect([found.below, found.above]).toEqual([true, true]);
  });
});

it("an address carries what is said, and nothing else", () => {
  expect(asking("api/x", { run: "", symbol: "a&b=c#d" })).toBe("api/x?symbol=a%26b%3Dc%23d");
  expect(asking("api/x", { run: "" })).toBe("api/x");
});
