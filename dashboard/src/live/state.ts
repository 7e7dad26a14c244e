/** What the page knows, and how a snapshot and events make it: plain functions on values, bounded in size. */

import {
  type Account,
  type Engine,
  type Envelope,
  type Order,
  type Plain,
  type Position,
  type Scan,
  type Snapshot,
  type Trade,
  type Transition,
  account as readAccount,
  engine as readEngine,
  items,
  number,
  order as readOrder,
  position as readPosition,
  record,
  scanRow,
  text,
  trade as readTrade,
  transition,
} from "../wire";

export const EVENTS = 2000;
export const HELD = 5000;
export const TRADES = 200;
export const FILLS = 500;
export const ORDERS = 500;
export const ALERTS = 100;
export const TIMES = 300;
export const SPARK = 40;
export const EQUITY = 2000;
export const GAPS = 50;
export const SYMBOLS = 20000;
/** Further behind than this the page takes the snapshot as it is: it would not keep the events anyway. */
export const BEHIND = EVENTS;

export interface SymbolRow {
  symbol: string;
  price: number | null;
  reason: string;
  score: number | null;
  position: number | null;
  /** Machine time in ms at which this row was last heard of with news, by its age. */
  barAt: number | null;
  spark: readonly number[];
}

export interface Gap {
  from: number;
  to: number;
}

export interface Fill {
  id: string;
  symbol: string;
  side: string;
  quantity: number | null;
  price: number | null;
  at: string;
  orderId: string;
  reason: string;
}

/** What changed, counted: a view that shows an answer of the API asks again when its counter moves. */
export interface Versions {
  orders: number;
  locks: number;
  cycle: number;
  engine: number;
  trades: number;
  research: number;
}

export interface State {
  /** Whether a snapshot has come. */
  ready: boolean;
  runId: string;
  /** The last seq without anything missing before it; numbers go on from one run to the next. */
  seq: number;
  /** The seq up to which the snapshot already holds what events did. */
  applied: number;
  simulated: boolean;
  account: Account | null;
  positions: readonly Position[];
  orders: ReadonlyMap<string, Order>;
  symbols: ReadonlyMap<string, SymbolRow>;
  trades: readonly Trade[];
  fills: readonly Fill[];
  events: readonly Envelope[];
  alerts: readonly Envelope[];
  engine: Engine;
  cycle: number | null;
  cycleAt: string | null;
  cycleTimes: readonly number[];
  /** Equity after each cycle since the page was opened: time as the run tells it, in ms, and money. */
  equity: readonly (readonly [number, number])[];
  health: ReadonlyMap<string, Plain>;
  held: ReadonlyMap<number, Envelope>;
  gaps: readonly Gap[];
  repeats: number;
  received: number;
  skipped: number;
  versions: Versions;
}

export const EMPTY: State = {
  ready: false,
  runId: "",
  seq: 0,
  applied: 0,
  simulated: false,
  account: null,
  positions: [],
  orders: new Map(),
  symbols: new Map(),
  trades: [],
  fills: [],
  events: [],
  alerts: [],
  engine: readEngine({}),
  cycle: null,
  cycleAt: null,
  cycleTimes: [],
  equity: [],
  health: new Map(),
  held: new Map(),
  gaps: [],
  repeats: 0,
  received: 0,
  skipped: 0,
  versions: { orders: 0, locks: 0, cycle: 0, engine: 0, trades: 0, research: 0 },
};

// -- a snapshot ---------------------------------------------------------------------------------------

/**
 * The state a snapshot tells. The page goes on with its own seq, so that what lies between is still shown; with
 * ``anew``, or where that is more than it keeps, it begins behind the snapshot.
 */
export function fromSnapshot(before: State, snap: Snapshot, now: number, anew = false): State {
  const follows = before.ready && snap.seq >= before.seq && !anew;
  const behind = snap.seq - before.seq;
  const jump = !follows || behind > BEHIND;
  const base = before.runId === snap.runId ? before : another(before, snap.runId);
  const later = snap.events.filter((one) => !before.ready || (one.seq ?? 0) > before.seq);
  const events = jump ? newest([...base.events, ...later.map(slim)], EVENTS) : base.events;
  const cycleTimes = snap.engine.cycleTimes.length > 0 ? newest(snap.engine.cycleTimes, TIMES) : base.cycleTimes;
  return {
    ...base,
    ready: true,
    seq: jump ? snap.seq : base.seq,
    applied: snap.seq,
    simulated: snap.simulated,
    account: joinedAccount(base.account, snap.account),
    positions: snap.positions.map((one) => known(base.positions, one)),
    symbols: snap.scan === null ? base.symbols : scanned(base.symbols, snap.scan, now),
    trades: newest(snap.trades, TRADES),
    fills: jump ? later.reduce(filled, base.fills) : base.fills,
    events,
    alerts: jump ? newest([...base.alerts, ...later.filter(alarming)], ALERTS) : base.alerts,
    engine: { ...snap.engine, history: snap.engine.history.length > 0 ? snap.engine.history : base.engine.history, legal: base.engine.legal },
    cycle: snap.scan?.cycle ?? snap.engine.cycle ?? base.cycle,
    cycleAt: snap.scan?.at ?? base.cycleAt,
    cycleTimes: cycleTimes.length > 0 ? cycleTimes : later.flatMap(cycleTime),
    held: jump ? new Map([...base.held].filter(([seq]) => seq > snap.seq)) : base.held,
    skipped: base.skipped + (before.ready && jump && behind > 0 ? behind : 0),
    versions: bumped(before.versions, "orders", "locks", "cycle", "engine", "trades", "research"),
  };
}

/** What stays when another run begins: the numbers, and the events with them. */
function another(before: State, runId: string): State {
  const { ready, seq, applied, events, alerts, held, gaps, repeats, received, skipped, versions } = before;
  return { ...EMPTY, runId, ready, seq, applied, events, alerts, held, gaps, repeats, received, skipped, versions };
}

/** A snapshot's account knows less than that of the API: what it does not say stays. */
function joinedAccount(before: Account | null, told: Account | null): Account | null {
  if (before === null || told === null || before.account !== told.account) return told ?? before;
  const after: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(told)) if (value !== null && !(typeof value === "object" && Object.keys(value).length === 0)) after[name] = value;
  return after as unknown as Account;
}

function known(before: readonly Position[], told: Position): Position {
  const old = before.find((one) => one.symbol === told.symbol && one.account === told.account);
  return told.profit === null && old !== undefined ? { ...told, profit: old.profit, price: told.price ?? old.price } : told;
}

/** As /api/engine tells it: also that an engine has died without a word. */
export function withEngine(state: State, told: Engine): State {
  if (told.state === "") return state;
  const same = told.state === state.engine.state && told.legal.join() === state.engine.legal.join() && told.orderly === state.engine.orderly;
  if (same) return state;
  const engine = { ...state.engine, state: told.state, legal: told.legal, orderly: told.orderly, since: told.since ?? state.engine.since, reason: told.reason || state.engine.reason };
  return { ...state, engine, versions: told.state === state.engine.state ? state.versions : bumped(state.versions, "engine") };
}

/** After a resume everything behind the last seq comes again, also what is held. */
export function resumed(state: State): State {
  return state.held.size === 0 ? state : { ...state, held: new Map() };
}

/** The last scan as /api/scan tells it: prices too, which the event does not carry. */
export function withScan(state: State, scan: Scan, now: number): State {
  if (state.cycle !== null && scan.cycle !== null && scan.cycle < state.cycle) return state;
  return { ...state, symbols: scanned(state.symbols, scan, now) };
}

export function withAccount(state: State, account: Account | null): State {
  return account === null ? state : { ...state, account, simulated: state.simulated || account.simulated };
}

function scanned(before: ReadonlyMap<string, SymbolRow>, scan: Scan, now: number): ReadonlyMap<string, SymbolRow> {
  const after = new Map<string, SymbolRow>();
  for (const [symbol, found] of scan.symbols) {
    if (after.size >= SYMBOLS) break;
    const old = before.get(symbol);
    const price = found.price ?? old?.price ?? null;
    const row: SymbolRow = {
      symbol,
      price,
      reason: found.reason || (old?.reason ?? ""),
      score: found.score ?? old?.score ?? null,
      position: found.position ?? (found.price === null ? (old?.position ?? null) : null),
      barAt: found.ageS === null ? (old?.barAt ?? null) : Math.round(now - found.ageS * 1000),
      spark: sparked(old, found.price),
    };
    after.set(symbol, old !== undefined && alike(old, row) ? old : row);
  }
  return after;
}

function sparked(old: SymbolRow | undefined, price: number | null): readonly number[] {
  const spark = old?.spark ?? [];
  if (price === null || (spark.length > 0 && spark[spark.length - 1] === price)) return spark;
  return newest([...spark, price], SPARK);
}

/** A row is the same object as long as nothing that is drawn has changed, so that it is not drawn again. */
function alike(a: SymbolRow, b: SymbolRow): boolean {
  return (
    a.price === b.price &&
    a.reason === b.reason &&
    a.score === b.score &&
    a.position === b.position &&
    a.spark === b.spark &&
    Math.abs((a.barAt ?? 0) - (b.barAt ?? 0)) < 1500
  );
}

// -- events -------------------------------------------------------------------------------------------

/** A batch of events. Those that come too early are held until what is missing has come. */
export function fromEvents(before: State, batch: readonly Envelope[]): State {
  const draft = new Draft(before);
  for (const one of batch) draft.take(one);
  return draft.done();
}

/** What is missing will not come: told as a gap, and the page goes on behind it. */
export function giveUp(before: State): State {
  const draft = new Draft(before);
  draft.giveUp();
  return draft.done();
}

/** The first and last seq that are missing before what is held; null if nothing is. */
export function missing(state: State): Gap | null {
  if (state.held.size === 0) return null;
  return { from: state.seq + 1, to: Math.min(...[...state.held.values()].map(begins)) - 1 };
}

class Draft {
  private state: State;
  private readonly fresh: Envelope[] = [];
  private symbols: Map<string, SymbolRow> | null = null;
  private orders: Map<string, Order> | null = null;
  private held: Map<number, Envelope> | null = null;

  constructor(before: State) {
    this.state = { ...before };
  }

  take(one: Envelope): void {
    const state = this.state;
    if (one.seq === null) {
      this.apply(one);
      return;
    }
    state.received += 1;
    if (one.seq <= state.seq || this.waiting().has(one.seq)) {
      state.repeats += 1;
      return;
    }
    if (begins(one) > state.seq + 1) {
      if (this.waiting().size >= HELD) this.giveUp();
      this.hold().set(one.seq, one);
      return;
    }
    this.next(one);
    this.release();
  }

  giveUp(): void {
    const state = this.state;
    const waiting = this.waiting();
    if (waiting.size === 0) return;
    const to = Math.min(...[...waiting.values()].map(begins)) - 1;
    state.gaps = newest([...state.gaps, { from: state.seq + 1, to }], GAPS);
    state.seq = to;
    this.release();
  }

  done(): State {
    const state = this.state;
    if (this.symbols !== null) state.symbols = this.symbols;
    if (this.orders !== null) state.orders = this.orders;
    if (this.held !== null) state.held = this.held;
    if (this.fresh.length > 0) {
      state.events = newest([...state.events, ...this.fresh], EVENTS);
      const alerts = this.fresh.filter(alarming);
      if (alerts.length > 0) state.alerts = newest([...state.alerts, ...alerts], ALERTS);
    }
    return state;
  }

  /** Another run: what was known of the one before goes. */
  private begin(one: Envelope): void {
    const moved = another(this.state, one.run_id);
    moved.versions = bumped(moved.versions, "orders", "locks", "cycle", "engine", "trades", "research");
    this.state = moved;
    this.symbols = this.orders = null;
  }

  private waiting(): ReadonlyMap<number, Envelope> {
    return this.held ?? this.state.held;
  }

  private hold(): Map<number, Envelope> {
    this.held ??= new Map(this.state.held);
    return this.held;
  }

  private release(): void {
    while (this.waiting().size > 0) {
      const next = this.waiting().get(this.state.seq + 1) ?? [...this.waiting().values()].find((one) => begins(one) <= this.state.seq + 1);
      if (next === undefined) return;
      this.hold().delete(next.seq ?? 0);
      this.next(next);
    }
  }

  private next(one: Envelope): void {
    this.state.seq = one.seq ?? this.state.seq;
    if (one.type === COMPACTED) {
      this.state.applied = Math.max(this.state.applied, this.state.seq);
      return;
    }
    this.fresh.push(slim(one));
    const told = this.state.seq <= this.state.applied;
    if (!told) this.state.applied = this.state.seq;
    if (one.run_id !== this.state.runId) {
      if (told || one.type !== "RUN_STARTED") return;
      this.begin(one);
    }
    if (one.type === "TRADE_EXECUTION") this.state.fills = filled(this.state.fills, one);
    if (!told) this.apply(one);
  }

  private apply(one: Envelope): void {
    const state = this.state;
    const data = one.data;
    if (data.simulated === true) state.simulated = true;
    if (one.type.startsWith("ORDER_")) return this.ordered(one, one.type.slice("ORDER_".length));
    switch (one.type) {
      case "ENGINE_STATE":
        return this.engine(one);
      case "SCAN_START":
        state.cycle = number(data.cycle) ?? state.cycle;
        return;
      case "SCAN_SUMMARY":
        return this.scan(one);
      case "ACCOUNT_UPDATE":
        return this.account(record(data.account));
      case "RISK_APPROVED":
        return this.ordered(one, "INTENT");
      case "CANDIDATE":
        return this.row(one.symbol, (row) => ({ ...row, score: number(data.score) ?? row.score }));
      case "MARKET_UPDATE":
        return this.price(one.symbol, number(data.price));
      case "BAR":
        return this.price(one.symbol, number(data.close));
      case "POSITION_OPENED":
        state.positions = [...without(state.positions, one.symbol), readPosition({ ...data, symbol: one.symbol, at: one.ts })];
        return this.touch("orders");
      case "POSITION_CLOSED":
        state.positions = without(state.positions, one.symbol);
        state.trades = newest([...state.trades, readTrade({ ...data, symbol: one.symbol, at: one.ts })], TRADES);
        return this.touch("trades", "orders");
      case "POSITION_UPDATE":
        return this.moved(one);
      case "TRADE_EXECUTION":
        return this.touch("orders");
      case "RESEARCH_RESULT":
      case "CRITIC_REVIEW":
        return this.touch("research");
      case "ALERT":
        if (text(data.verb).endsWith("-proposal")) this.touch("research");
        if (["LOCKED", "UNLOCKED", "TRADING_STATE", "EMERGENCY"].includes(text(data.alert))) this.touch("locks");
        return;
      case "HEALTH":
        state.health = new Map(state.health).set(text(data.actor ?? data.name), data);
        return;
    }
  }

  private engine(one: Envelope): void {
    const state = this.state;
    const moved: Transition = transition({ ...one.data, to: one.data.state, at: one.ts });
    const history = newest([...state.engine.history, moved], ALERTS);
    state.engine = { ...state.engine, state: moved.to, since: one.ts, reason: moved.reason, history };
    this.touch("engine", "locks");
  }

  private scan(one: Envelope): void {
    const state = this.state;
    const data = one.data;
    const prices = record(data.prices);
    const symbols = new Map<string, SymbolRow>();
    for (const [symbol, value] of Object.entries(record(data.symbols))) {
      if (symbols.size >= SYMBOLS) break;
      const found = scanRow(value);
      const old = this.known().get(symbol);
      const price = found.price ?? number(prices[symbol]);
      const row: SymbolRow = {
        symbol,
        price: price ?? old?.price ?? null,
        reason: found.reason,
        score: found.score ?? old?.score ?? null,
        position: found.position ?? old?.position ?? null,
        barAt: old?.barAt ?? null,
        spark: sparked(old, price),
      };
      symbols.set(symbol, old !== undefined && alike(old, row) ? old : row);
    }
    if (symbols.size > 0) this.symbols = symbols;
    state.cycle = number(data.cycle) ?? state.cycle;
    state.cycleAt = text(data.at) || one.ts;
    const took = cycleTime(one);
    if (took.length > 0) state.cycleTimes = newest([...state.cycleTimes, ...took], TIMES);
    this.account({ equity: data.equity, balance: data.balance });
    const [at, equity] = [Date.parse(state.cycleAt), number(data.equity)];
    if (equity !== null && !Number.isNaN(at)) state.equity = newest([...state.equity, [at, equity] as const], EQUITY);
    this.touch("cycle");
  }

  private account(told: Plain): void {
    const before = this.state.account;
    if (before === null) {
      if (told.currency !== undefined) this.state.account = readAccount(told);
      return;
    }
    const equity = number(told.equity) ?? before.equity;
    const peak = equity !== null && before.peak !== null ? Math.max(before.peak, equity) : before.peak;
    const fell = equity !== null && peak !== null && peak > 0 ? 1 - equity / peak : before.drawdown;
    const opening = before.equity !== null && before.dayPl !== null ? before.equity - before.dayPl : null;
    this.state.account = {
      ...before,
      equity,
      balance: number(told.balance) ?? before.balance,
      profit: number(told.profit) ?? (number(told.equity) !== null && number(told.balance) !== null ? (told.equity as number) - (told.balance as number) : before.profit),
      dayPl: number(told.day_pl) ?? (equity !== null && opening !== null ? equity - opening : before.dayPl),
      peak,
      drawdown: fell,
    };
  }

  private moved(one: Envelope): void {
    const state = this.state;
    if (Array.isArray(one.data.positions)) {
      state.positions = items(one.data.positions).map(readPosition);
      return;
    }
    const stop = number(one.data.stop);
    const target = number(one.data.target);
    state.positions = state.positions.map((held) =>
      held.symbol === one.symbol ? { ...held, stop: stop ?? held.stop, target: target ?? held.target } : held,
    );
    this.touch("orders");
  }

  private ordered(one: Envelope, status: string): void {
    const told = readOrder({ ...one.data, symbol: one.symbol, status, at: one.ts });
    if (told.id === "") return;
    this.orders ??= new Map(this.state.orders);
    const before = this.orders.get(told.id);
    this.orders.delete(told.id);
    this.orders.set(told.id, before === undefined ? told : merged(before, told));
    for (const oldest of this.orders.keys()) {
      if (this.orders.size <= ORDERS) break;
      this.orders.delete(oldest);
    }
    this.touch("orders");
  }

  private price(symbol: string | null, price: number | null): void {
    if (price === null) return;
    this.row(symbol, (row) => ({ ...row, price, spark: sparked(row, price) }));
  }

  private row(symbol: string | null, change: (row: SymbolRow) => SymbolRow): void {
    const row = symbol === null ? undefined : this.known().get(symbol);
    if (row === undefined) return;
    this.symbols ??= new Map(this.state.symbols);
    this.symbols.set(row.symbol, change(row));
  }

  private known(): ReadonlyMap<string, SymbolRow> {
    return this.symbols ?? this.state.symbols;
  }

  private touch(...names: (keyof Versions)[]): void {
    this.state.versions = bumped(this.state.versions, ...names);
  }
}

/** An event as it is kept: a scan of many symbols without them, for the last scan has them. */
function slim(one: Envelope): Envelope {
  if (one.type !== "SCAN_SUMMARY") return one;
  const names = Object.keys(record(one.data.symbols));
  return names.length <= 20 ? one : { ...one, data: { ...one.data, symbols: `${names.length} symbols` } };
}

/** Stands in the stream where numbers are missing for a good reason: retention, or another run. */
const COMPACTED = "COMPACTED";

/** The first number that an event stands for: its own, unless it stands for those that are no longer kept. */
function begins(one: Envelope): number {
  return (one.type === COMPACTED ? number(one.data.from_seq) : null) ?? one.seq ?? 0;
}

// -- helpers ------------------------------------------------------------------------------------------

const WORKING = new Set(["INTENT", "SUBMITTED", "ACCEPTED", "TRIGGERED", "PARTIALLY_FILLED", "PENDING_CANCEL", "UNKNOWN"]);

export function working(order: Order): boolean {
  return WORKING.has(order.status);
}

export function alarming(one: Envelope): boolean {
  return one.type === "ALERT" || one.type === "ERROR";
}

function merged(before: Order, told: Order): Order {
  const after: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(told)) if (value !== null && value !== "") after[name] = value;
  return after as unknown as Order;
}

function without(positions: readonly Position[], symbol: string | null): Position[] {
  return positions.filter((one) => one.symbol !== symbol);
}

function filled(fills: readonly Fill[], one: Envelope): readonly Fill[] {
  if (one.type !== "TRADE_EXECUTION") return fills;
  const data = one.data;
  const fill: Fill = {
    id: text(data.fill_id) || one.id,
    symbol: one.symbol ?? "",
    side: text(data.side ?? data.direction),
    quantity: number(data.quantity) ?? number(data.lot),
    price: number(data.price),
    at: text(data.bar_ts) || one.ts,
    orderId: text(data.order_id),
    reason: text(data.reason),
  };
  return newest([...fills, fill], FILLS);
}

function cycleTime(one: Envelope): number[] {
  const took = one.type === "SCAN_SUMMARY" ? number(one.data.last_cycle_ms) : null;
  return took === null ? [] : [took];
}

function bumped(versions: Versions, ...names: (keyof Versions)[]): Versions {
  const after = { ...versions };
  for (const name of names) after[name] += 1;
  return after;
}

export function newest<T>(rows: readonly T[], most: number): readonly T[] {
  return rows.length > most ? rows.slice(rows.length - most) : rows;
}
