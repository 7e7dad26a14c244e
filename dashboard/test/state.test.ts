import { describe, expect, it } from "vitest";
import { ALERTS, BEHIND, EMPTY, EVENTS, ORDERS, SPARK, type State, fromEvents, fromSnapshot, giveUp, missing, resumed, withEngine, withScan } from "../src/live/state";
import { type Envelope, type Plain, engine, scan, snapshot } from "../src/wire";

const RUN = "run-1";

function event(seq: number, type = "HEARTBEAT", data: Plain = {}, more: Partial<Envelope> = {}): Envelope {
  return { v: 1, seq, id: `e${seq}`, type, ts: "2026-01-02T03:04:05Z", run_id: RUN, symbol: null, correlation_id: null, causation_id: null, data, ...more };
}

function shot(seq: number, body: Plain = {}, run = RUN): ReturnType<typeof snapshot> {
  return snapshot({ type: "STATE_SNAPSHOT", v: 1, seq, data: { run: { run_id: run }, positions: [], trades: [], events: [], engine: { state: "running" }, ...body } });
}

function begun(seq = 10, body: Plain = {}): State {
  return fromSnapshot(EMPTY, shot(seq, body), 0);
}

function numbers(state: State): (number | null)[] {
  return state.events.map((one) => one.seq);
}

describe("a snapshot and the events behind it", () => {
  it("is the state as of the last event", () => {
    const first = begun(10, { account: { account: "a", currency: "USD", equity: 100, balance: 100, day_pl: 5, peak: 110 }, scan: { cycle: 3, symbols: { EURUSD: "NO_SIGNAL" }, prices: { EURUSD: 1.1 } } });
    const state = fromEvents(first, [
      event(11, "POSITION_OPENED", { side: "SELL", quantity: 2, entry: 1.1, stop: 1.2, target: 1 }, { symbol: "EURUSD" }),
      event(12, "SCAN_SUMMARY", { cycle: 4, symbols: { EURUSD: "HOLDING", BTC: "DENIED SPREAD" }, equity: 120, balance: 101, last_cycle_ms: 7 }),
      event(13, "ENGINE_STATE", { state: "paused", from: "running", reason: "lunch" }),
    ]);
    expect(state.seq).toBe(13);
    expect(state.positions).toMatchObject([{ symbol: "EURUSD", quantity: -2, entry: 1.1, stop: 1.2, target: 1 }]);
    expect(state.symbols.get("EURUSD")).toMatchObject({ reason: "HOLDING", price: 1.1 });
    expect(state.symbols.get("BTC")?.reason).toBe("DENIED SPREAD");
    expect(state.account).toMatchObject({ equity: 120, balance: 101, profit: 19, dayPl: 25, peak: 120, drawdown: 0 });
    expect(state.equity).toEqual([[Date.parse("2026-01-02T03:04:05Z"), 120]]);
    expect(state.engine).toMatchObject({ state: "paused", reason: "lunch" });
    expect([state.cycle, state.cycleTimes]).toEqual([4, [7]]);
  });

  it("is the same whatever way the events were cut into batches", () => {
    const events = [
      event(11, "RISK_APPROVED", { order_id: "o1", side: "BUY", quantity: 3 }, { symbol: "BTC" }),
      event(12, "ORDER_SUBMITTED", { order_id: "o1" }, { symbol: "BTC" }),
      event(13, "ORDER_FILLED", { order_id: "o1" }, { symbol: "BTC" }),
      event(14, "TRADE_EXECUTION", { side: "BUY", price: 5, quantity: 3, order_id: "o1", fill_id: "f1" }, { symbol: "BTC" }),
      event(15, "POSITION_CLOSED", { side: "BUY", quantity: 3, entry: 5, exit: 6, pnl: 3, r: 1 }, { symbol: "BTC" }),
    ];
    const whole = fromEvents(begun(), events);
    const single = events.reduce((state, one) => fromEvents(state, [one]), begun());
    const shuffled = fromEvents(begun(), [4, 2, 0, 3, 1].map((at) => events[at] as Envelope));
    expect(single).toEqual(whole);
    expect(shuffled).toEqual(whole);
    expect(whole.orders.get("o1")).toMatchObject({ status: "FILLED", side: "BUY", quantity: 3 });
    expect(whole.fills).toHaveLength(1);
    expect(whole.trades).toMatchObject([{ symbol: "BTC", pnl: 3, exit: 6 }]);
  });

  it("does not do twice what the snapshot already holds", () => {
    const before = fromEvents(begun(10), [event(11)]);
    const again = fromSnapshot(before, shot(13, { positions: [{ symbol: "BTC", quantity: 1, side: "BUY" }], trades: [{ symbol: "X", pnl: 1 }] }), 0);
    expect([again.seq, again.applied]).toEqual([11, 13]);
    const state = fromEvents(again, [
      event(12, "POSITION_CLOSED", { side: "BUY", pnl: 1 }, { symbol: "X" }),
      event(13, "POSITION_OPENED", { side: "BUY", quantity: 1 }, { symbol: "BTC" }),
      event(14, "POSITION_OPENED", { side: "BUY", quantity: 5 }, { symbol: "ETH" }),
    ]);
    expect(state.positions.map((one) => one.symbol)).toEqual(["BTC", "ETH"]);
    expect(state.trades).toHaveLength(1);
    expect(numbers(state)).toEqual([11, 12, 13, 14]);
  });
});

describe("numbers", () => {
  it("ignores an event that came already, and counts it", () => {
    const state = fromEvents(begun(10), [event(11), event(11), event(9), event(12)]);
    expect([state.seq, state.repeats, state.gaps]).toEqual([12, 2, []]);
    expect(numbers(state)).toEqual([11, 12]);
  });

  it("holds what comes too early until the rest has come", () => {
    const early = fromEvents(begun(10), [event(13), event(14)]);
    expect([early.seq, missing(early)]).toEqual([10, { from: 11, to: 12 }]);
    const state = fromEvents(early, [event(12), event(11)]);
    expect([state.seq, missing(state), state.gaps]).toEqual([14, null, []]);
    expect(numbers(state)).toEqual([11, 12, 13, 14]);
  });

  it("tells a gap that is not filled, and goes on behind it", () => {
    const state = giveUp(fromEvents(begun(10), [event(13), event(16)]));
    expect([state.seq, state.gaps]).toEqual([13, [{ from: 11, to: 12 }]]);
    expect(giveUp(state).gaps).toEqual([{ from: 11, to: 12 }, { from: 14, to: 15 }]);
    expect(giveUp(begun(10)).gaps).toEqual([]);
  });

  it("follows a marker over numbers that are no longer kept", () => {
    const marker = event(40, "COMPACTED", { from_seq: 11, to_seq: 40 });
    const state = fromEvents(begun(10), [marker, event(41)]);
    expect([state.seq, state.gaps, state.repeats]).toEqual([41, [], 0]);
    expect(numbers(state)).toEqual([41]);
    const late = fromEvents(fromEvents(begun(10), [event(41)]), [marker]);
    expect([late.seq, missing(late)]).toEqual([41, null]);
    expect(missing(fromEvents(begun(10), [event(50, "COMPACTED", { from_seq: 30, to_seq: 50 })]))).toEqual({ from: 11, to: 29 });
  });

  it("takes what a resume sends again, not what came before it", () => {
    const state = fromEvents(resumed(fromEvents(begun(10), [event(14)])), [event(11), event(12), event(13), event(14)]);
    expect([state.seq, state.repeats]).toEqual([14, 0]);
  });

  it("begins behind the snapshot where too much lies between", () => {
    const state = fromSnapshot(begun(10), shot(10 + BEHIND + 1, { events: [event(9), event(10 + BEHIND + 1)] }), 0);
    expect([state.seq, state.skipped]).toEqual([10 + BEHIND + 1, BEHIND + 1]);
    expect(numbers(state)).toEqual([10 + BEHIND + 1]);
  });

  it("begins anew where the server's numbers went back", () => {
    expect(fromSnapshot(begun(10), shot(4), 0).seq).toBe(4);
  });

  it("counts no events that have no number", () => {
    const state = fromEvents(begun(10, { scan: { cycle: 1, symbols: { BTC: { reason: "NO_SIGNAL", price: 5 } } } }), [event(0, "MARKET_UPDATE", { price: 6 }, { seq: null, symbol: "BTC" })]);
    expect([state.seq, state.events.length]).toEqual([10, 0]);
    expect(state.symbols.get("BTC")).toMatchObject({ price: 6, spark: [5, 6] });
  });
});

describe("another run", () => {
  const other = { run_id: "run-2" };

  it("begins with its first event and keeps the numbers", () => {
    const before = begun(10, { positions: [{ symbol: "BTC", quantity: 1 }], account: { account: "a", currency: "USD" } });
    const state = fromEvents(before, [event(11), event(12, "RUN_STARTED", {}, other), event(13, "ENGINE_STATE", { state: "initializing" }, other)]);
    expect([state.runId, state.seq, state.positions, state.account]).toEqual(["run-2", 13, [], null]);
    expect(state.engine.state).toBe("initializing");
    expect(numbers(state)).toEqual([11, 12, 13]);
  });

  it("is not begun again by events that its snapshot already knows", () => {
    const before = fromSnapshot(begun(10), shot(14, { positions: [{ symbol: "ETH", quantity: 1 }] }, "run-2"), 0);
    const state = fromEvents(before, [event(11), event(12, "RUN_STARTED", {}, other), event(13, "HEARTBEAT", {}, other), event(14, "HEARTBEAT", {}, other)]);
    expect([state.runId, state.seq, state.positions.length, state.repeats]).toEqual(["run-2", 14, 1, 0]);
  });

  it("does not mix in what an earlier run says", () => {
    const state = fromEvents(begun(10), [event(11, "POSITION_OPENED", { quantity: 1 }, { run_id: "old", symbol: "X" }), event(12)]);
    expect([state.seq, state.positions]).toEqual([12, []]);
  });
});

describe("memory", () => {
  it("is bounded for events, alerts, orders and lines", () => {
    let state = begun(0, { scan: { cycle: 0, symbols: { BTC: { reason: "", price: 1 } } } });
    for (let seq = 1; seq <= 3 * EVENTS; seq += 1) {
      const kind = seq % 3;
      const one = kind === 0 ? event(seq, "ALERT", { alert: "X" }) : kind === 1 ? event(seq, "ORDER_ACCEPTED", { order_id: `o${seq}` }) : event(seq, "MARKET_UPDATE", { price: seq }, { symbol: "BTC" });
      state = fromEvents(state, [one]);
    }
    expect(state.events.length).toBe(EVENTS);
    expect(numbers(state)[0]).toBe(2 * EVENTS + 1);
    expect([state.alerts.length, state.orders.size, state.symbols.get("BTC")?.spark.length]).toEqual([ALERTS, ORDERS, SPARK]);
    expect(state.orders.has(`o${3 * EVENTS - 2}`)).toBe(true);
  });
});

it("a scan of many symbols is kept without them", () => {
  const symbols = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`S${n}`, "NO_SIGNAL"]));
  const state = fromEvents(begun(), [event(11, "SCAN_SUMMARY", { cycle: 1, symbols })]);
  expect([state.symbols.size, state.events[0]?.data.symbols]).toEqual([1000, "1000 symbols"]);
});

describe("what the API tells beside", () => {
  it("brings prices, and leaves a row alone that has not changed", () => {
    const state = begun(10, { scan: { cycle: 3, symbols: { EURUSD: "NO_SIGNAL", BTC: "NO_SIGNAL" } } });
    const told = (price: number) => scan({ cycle: 3, symbols: { EURUSD: { reason: "NO_SIGNAL", price, age_s: 0 }, BTC: { reason: "NO_SIGNAL", price: 5, age_s: 0 } } }) as NonNullable<ReturnType<typeof scan>>;
    const first = withScan(state, told(1.1), 1000);
    const second = withScan(first, told(1.2), 1000);
    expect(second.symbols.get("EURUSD")?.spark).toEqual([1.1, 1.2]);
    expect(second.symbols.get("BTC")).toBe(first.symbols.get("BTC"));
    expect(withScan({ ...state, cycle: 4 }, told(9), 0).symbols).toBe(state.symbols);
  });

  it("tells of an engine that has died", () => {
    const state = withEngine(begun(), engine({ state: "stopped", orderly: false, legal: ["emergency-stop"] }));
    expect(state.engine).toMatchObject({ state: "stopped", orderly: false, legal: ["emergency-stop"] });
    expect(withEngine(state, engine({ state: "stopped", orderly: false, legal: ["emergency-stop"] }))).toBe(state);
  });

  it("reads nothing that is no number or text as one", () => {
    const state = fromEvents(begun(), [event(11, "SCAN_SUMMARY", { cycle: "x", symbols: { "__proto__": "NO_SIGNAL", A: 5, B: { reason: { a: 1 } } }, equity: "many" })]);
    expect([state.cycle, state.account]).toEqual([null, null]);
    expect(state.symbols.get("B")?.reason).toBe('{"a":1}');
  });
});
