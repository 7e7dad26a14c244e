/** What the API says, read without trust: every value from outside is unknown until one of these has looked at it. */

export type Plain = Record<string, unknown>;

export interface Envelope {
  v: number;
  /** Counts up by one within a run; null for what is not kept in the database (bars, prices). */
  seq: number | null;
  id: string;
  type: string;
  ts: string;
  run_id: string;
  symbol: string | null;
  correlation_id: string | null;
  causation_id: string | null;
  data: Plain;
}

export type Role = "operator" | "read-only";

export interface Session {
  role: Role;
  csrf: string;
  expiresAt: string | null;
  version: string;
}

export interface Account {
  account: string;
  currency: string;
  balance: number | null;
  equity: number | null;
  profit: number | null;
  dayPl: number | null;
  drawdown: number | null;
  peak: number | null;
  byCurrency: Record<string, number>;
  byVenue: Record<string, number>;
  simulated: boolean;
}

export interface Position {
  symbol: string;
  account: string;
  /** Signed: below zero is short. */
  quantity: number;
  entry: number | null;
  price: number | null;
  profit: number | null;
  stop: number | null;
  target: number | null;
  openedAt: string | null;
  strategy: string;
  venue: string;
}

export interface Order {
  id: string;
  symbol: string;
  status: string;
  side: string;
  quantity: number | null;
  filled: number | null;
  price: number | null;
  stop: number | null;
  target: number | null;
  purpose: string;
  strategy: string;
  code: string;
  at: string | null;
}

export interface Trade {
  symbol: string;
  side: string;
  quantity: number | null;
  entry: number | null;
  exit: number | null;
  pnl: number | null;
  r: number | null;
  reason: string;
  at: string | null;
}

export interface ScanRow {
  reason: string;
  price: number | null;
  score: number | null;
  position: number | null;
  ageS: number | null;
}

export interface Scan {
  cycle: number | null;
  at: string | null;
  symbols: Map<string, ScanRow>;
}

export interface Transition {
  from: string;
  to: string;
  reason: string;
  at: string | null;
}

export interface Engine {
  state: string;
  since: string | null;
  reason: string;
  /** False for one that has ended without a word. */
  orderly: boolean;
  legal: readonly string[];
  history: readonly Transition[];
  cycle: number | null;
  cycleTimes: readonly number[];
}

export interface Snapshot {
  seq: number;
  runId: string;
  simulated: boolean;
  account: Account | null;
  positions: Position[];
  scan: Scan | null;
  trades: Trade[];
  events: Envelope[];
  engine: Engine;
}

// -- values -------------------------------------------------------------------------------------------

export function record(value: unknown): Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Plain) : {};
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The rows of a list answer: `{items: [...]}`, or the list itself. */
export function items(value: unknown): Plain[] {
  const found = Array.isArray(value) ? value : list(record(value).items);
  return found.map(record);
}

export function text(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value === null || value === undefined) return "";
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}

export function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function orNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function first(row: Plain, ...names: string[]): unknown {
  for (const name of names) if (row[name] !== undefined && row[name] !== null) return row[name];
  return undefined;
}

export function numbers(value: unknown): Record<string, number> {
  const found: Record<string, number> = Object.create(null);
  for (const [name, one] of Object.entries(record(value))) {
    const amount = number(one) ?? number(record(one).net) ?? number(record(one).value);
    if (amount !== null) found[name] = amount;
  }
  return found;
}

// -- bodies -------------------------------------------------------------------------------------------

export function envelope(value: unknown): Envelope | null {
  const row = record(value);
  if (typeof row.type !== "string") return null;
  return {
    v: number(row.v) ?? 1,
    seq: number(row.seq),
    id: text(row.id),
    type: row.type,
    ts: text(row.ts),
    run_id: text(row.run_id),
    symbol: orNull(row.symbol),
    correlation_id: orNull(row.correlation_id),
    causation_id: orNull(row.causation_id),
    data: record(row.data),
  };
}

export function envelopes(value: unknown): Envelope[] {
  const rows = Array.isArray(value) ? value : list(record(value).items);
  return rows.map(envelope).filter((one) => one !== null);
}

export function session(value: unknown): Session {
  const row = record(value);
  return {
    role: text(row.role) === "operator" ? "operator" : "read-only",
    csrf: text(row.csrf),
    expiresAt: orNull(row.expires_at),
    version: text(row.version),
  };
}

export function account(value: unknown): Account | null {
  const row = record(value);
  if (Object.keys(row).length === 0) return null;
  const exposure = record(row.exposure);
  return {
    account: text(row.account),
    currency: text(row.currency),
    balance: number(row.balance),
    equity: number(row.equity),
    profit: number(row.profit),
    dayPl: number(row.day_pl),
    drawdown: number(row.drawdown),
    peak: number(row.peak),
    byCurrency: numbers(exposure.by_currency),
    byVenue: numbers(exposure.by_venue),
    simulated: row.simulated === true,
  };
}

const SHORT = new Set(["SELL", "SHORT", "S", "1", "-1"]);

export function position(value: unknown): Position {
  const row = record(value);
  const size = number(first(row, "quantity", "volume")) ?? 0;
  const side = text(first(row, "side", "direction", "type")).toUpperCase();
  return {
    symbol: text(row.symbol),
    account: text(row.account),
    quantity: size > 0 && SHORT.has(side) ? -size : size,
    entry: number(first(row, "entry_price", "entry", "price")),
    price: number(first(row, "price_current", "last", "mark")),
    profit: number(first(row, "profit", "unrealised", "pnl")),
    stop: number(first(row, "sl_price", "stop")),
    target: number(first(row, "tp_price", "target")),
    openedAt: orNull(first(row, "opened_at", "at")),
    strategy: text(row.strategy),
    venue: text(row.venue),
  };
}

export function order(value: unknown): Order {
  const row = record(value);
  return {
    id: text(first(row, "id", "order_id")),
    symbol: text(row.symbol),
    status: text(row.status),
    side: text(first(row, "side", "direction")),
    quantity: number(row.quantity),
    filled: number(first(row, "filled", "filled_quantity")),
    price: number(first(row, "price", "limit", "entry")),
    stop: number(row.stop),
    target: number(row.target),
    purpose: text(row.purpose),
    strategy: text(row.strategy),
    code: text(row.code),
    at: orNull(first(row, "at", "ts")),
  };
}

export function trade(value: unknown): Trade {
  const row = record(value);
  return {
    symbol: text(row.symbol),
    side: text(first(row, "side", "direction")),
    quantity: number(first(row, "quantity", "lot")),
    entry: number(first(row, "entry", "entry_price", "price")),
    exit: number(first(row, "exit", "exit_price")),
    pnl: number(first(row, "pnl", "profit")),
    r: number(row.r),
    reason: text(first(row, "reason", "purpose")),
    at: orNull(first(row, "closed_at", "at", "ts", "bar_ts")),
  };
}

export function scanRow(value: unknown): ScanRow {
  if (typeof value === "string") return { reason: value, price: null, score: null, position: null, ageS: null };
  const row = record(value);
  return {
    reason: text(row.reason),
    price: number(row.price),
    score: number(row.score),
    position: number(row.position) ?? number(record(row.position).quantity),
    ageS: number(row.age_s),
  };
}

export function scan(value: unknown): Scan | null {
  const row = record(value);
  if (row.symbols === undefined) return null;
  const symbols = new Map<string, ScanRow>();
  const prices = record(row.prices);
  for (const [name, one] of Object.entries(record(row.symbols))) {
    const found = scanRow(one);
    symbols.set(name, { ...found, price: found.price ?? number(prices[name]) });
  }
  return { cycle: number(row.cycle), at: orNull(row.at), symbols };
}

export function transition(value: unknown): Transition {
  const row = record(value);
  return {
    from: text(row.from).toLowerCase(),
    to: text(first(row, "to", "state")).toLowerCase(),
    reason: text(row.reason),
    at: orNull(first(row, "at", "since", "ts", "time")),
  };
}

export function engine(value: unknown): Engine {
  const row = record(value);
  return {
    state: text(row.state).toLowerCase(),
    since: orNull(first(row, "since", "at")),
    reason: text(row.reason),
    orderly: row.orderly !== false,
    legal: list(row.legal).map(text),
    history: list(row.history).map(transition),
    cycle: number(row.cycle) ?? number(record(row.cycle).n),
    cycleTimes: list(row.cycle_times_ms)
      .map(number)
      .filter((one) => one !== null),
  };
}

/** A STATE_SNAPSHOT, or the answer of /api/state, whether or not its body is wrapped in `data`. */
export function snapshot(value: unknown): Snapshot {
  const outer = record(value);
  const body = outer.data === undefined ? outer : record(outer.data);
  const run = body.run;
  const events = envelopes(body.events).sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
  const holder = account(body.account);
  return {
    seq: number(first(outer, "seq")) ?? number(body.seq) ?? 0,
    runId: typeof run === "string" ? run : text(first(record(run), "run_id", "id")) || text(outer.run_id),
    simulated: body.simulated === true || holder?.simulated === true,
    account: holder,
    positions: items(body.positions).map(position),
    scan: scan(body.scan),
    trades: items(body.trades).map(trade),
    events,
    engine: engine(body.engine),
  };
}
