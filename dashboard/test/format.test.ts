import { describe, expect, it } from "vitest";
import { duration, healthOf, moment, money, percent, price, toneOf, utc, visible, words } from "../src/format";

describe("numbers", () => {
  it("have decimals by their size", () => {
    expect([64123.456, 157.1234, 1.084321, 0.0000123456].map(price)).toEqual(["64,123.46", "157.123", "1.08432", "0.00001235"]);
    expect([1234.5, 1234567.8, null].map((one) => money(one))).toEqual(["1,234.50", "1,234,568", "–"]);
  });

  it("have a sign where it matters, and none at zero", () => {
    expect([5, -5, 0, -0.001].map((one) => money(one, true))).toEqual(["+5.00", "-5.00", "0.00", "0.00"]);
    expect([0.0123, 0.5, -0.0001].map((one) => percent(one))).toEqual(["1.23%", "50.0%", "-0.01%"]);
  });
});

describe("times", () => {
  it("are whole in UTC and none where there is none", () => {
    expect(utc("2026-01-02T03:04:05Z")).toBe("2026-01-02 03:04:05 UTC");
    expect([utc(""), utc(null), utc("yesterday")]).toEqual(["", "", ""]);
    expect(moment(null, 0)).toBe("–");
    expect(moment("<b>", 0)).toBe("<b>");
  });

  it("last so long", () => {
    expect([4_000, 240_000, 7_200_000, 432_000_000, null].map(duration)).toEqual(["4 sec", "4 min", "2 hr", "5 days", "–"]);
  });
});

describe("texts from outside", () => {
  it("show what would hide or turn around", () => {
    expect(visible("\u202egnp.exe")).toBe("⟨U+202E⟩gnp.exe");
    expect(visible("a\u0000b\u200bc\u2066d\ufeff")).toBe("a⟨U+0000⟩b⟨U+200B⟩c⟨U+2066⟩d⟨U+FEFF⟩");
    expect(visible("Grüße, 世界 <b>")).toBe("Grüße, 世界 <b>");
  });

  it("are cut and say so", () => {
    expect(visible("x".repeat(10_000), 5)).toBe("xxxxx… (10,000 characters)");
  });

  it("become words", () => {
    expect(words("max_daily_loss")).toBe("Max daily loss");
  });
});

it("a reason has a tone, and tells of its agent", () => {
  expect(["NO_SIGNAL", "DENIED SPREAD", "HOST_DOWN: x", "HOLDING", "SUBMITTED", "odd"].map(toneOf)).toEqual(["calm", "warn", "bad", "good", "busy", "calm"]);
  expect(["", "WARMING_UP", "HOST_DOWN: x", "ERROR: y", "HOLDING"].map(healthOf)).toEqual(["starting", "starting", "down", "error", "ok"]);
});
