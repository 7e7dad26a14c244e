/** Keeps the state current: the socket with resume by seq, and the API every few seconds while the socket is down. */

import { type Envelope, type Snapshot, account, engine, envelope, envelopes, items, position, record, scan, snapshot, text } from "../wire";
import { type Api, path } from "./api";
import { EMPTY, type State, fromEvents, fromSnapshot, giveUp, missing, resumed, withAccount, withEngine, withScan } from "./state";
import type { Store } from "./store";

export const RECONNECT_MS = 3000;
export const POLL_MS = 5000;
export const STALE_MS = 10_000;
/** The engine says that it lives every 30 s; so long may it be silent where cycles are rare. */
export const QUIET_MS = 45_000;
const PING_MS = 3000;
const RESUME_MS = 5000;
const SILENT_MS = 15_000;
const HOLD_MS = 1500;
const REFRESH_MS = 1000;
const HIDDEN_MS = 500;
const PAGE = 1000;
const PAGES = 3;

export interface Link {
  state: "connecting" | "open" | "down";
  /** Why the socket is down, for a person. */
  why: string;
  /** Machine time in ms at which the server was heard last, be it only that it answers. */
  heardAt: number;
  /** The same of the last event or snapshot: whether the engine behind it still says something. */
  eventAt: number;
  /** Milliseconds between two cycles, as it usually is; 0 while that is not known. */
  rhythm: number;
  reconnects: number;
}

/** For how long nothing has come that should have: 0 while all is well. ``active``: whether an engine runs. */
export function silence(link: Link, active: boolean, now: number): number {
  if (link.heardAt === 0) return 0;
  if (now - link.heardAt > STALE_MS) return now - link.heardAt;
  const most = link.rhythm === 0 ? QUIET_MS : Math.min(Math.max(STALE_MS, 3 * link.rhythm), QUIET_MS);
  return active && now - link.eventAt > most ? now - link.eventAt : 0;
}

export const NO_LINK: Link = { state: "connecting", why: "", heardAt: 0, eventAt: 0, rhythm: 0, reconnects: 0 };

const WHY: Record<number, string> = {
  1001: "the server is going away",
  1006: "the connection was lost",
  1012: "the server restarts",
  4400: "the server did not understand the page",
  4401: "the session is not valid",
  4408: "the page was too slow to follow",
};

export class Connection {
  private socket: WebSocket | null = null;
  private queue: Envelope[] = [];
  private planned = false;
  private stopped = true;
  private timers: number[] = [];
  private retry = 0;
  private spokeAt = 0;
  private heldSince = 0;
  private filling = false;
  private polling = false;
  private refreshedAt = 0;
  private refreshing = false;
  private cycles = -1;
  private cycleAt = 0;
  /** Since when an answer to a resume is awaited. What comes before it comes once more behind it, and is left out. */
  private resuming = 0;
  private welcomed = false;

  constructor(
    private readonly api: Api,
    private readonly state: Store<State>,
    private readonly link: Store<Link>,
  ) {}

  start(): void {
    this.stopped = false;
    this.timers = [
      window.setInterval(() => this.ping(), PING_MS),
      window.setInterval(() => void this.poll(), POLL_MS),
      window.setInterval(() => void this.engine(), POLL_MS),
      window.setInterval(() => this.look(), 500),
    ];
    document.addEventListener("visibilitychange", this.seen);
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    document.removeEventListener("visibilitychange", this.seen);
    for (const one of this.timers) window.clearInterval(one);
    window.clearTimeout(this.retry);
    this.socket?.close();
    this.socket = null;
    this.queue = [];
    this.state.set(EMPTY);
    this.link.set(NO_LINK);
  }

  private readonly seen = (): void => {
    if (document.hidden) return;
    this.flush();
    this.refresh();
  };

  // -- the socket -------------------------------------------------------------------------------------

  private connect(): void {
    if (this.stopped) return;
    const address = new URL("ws", window.location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    const socket = new WebSocket(address);
    this.socket = socket;
    this.spokeAt = Date.now();
    this.welcomed = false;
    socket.onopen = () => {
      const { ready, runId, seq } = this.state.get();
      this.resuming = 0;
      if (!ready) return;
      this.resuming = Date.now();
      this.say({ type: "resume", seq, run_id: runId === "" ? null : runId });
    };
    socket.onmessage = (message) => {
      if (socket === this.socket) this.hear(String(message.data));
    };
    socket.onclose = (closed) => {
      if (socket === this.socket) void this.lost(closed.code);
    };
  }

  private async lost(code: number): Promise<void> {
    this.flush();
    this.socket = null;
    if (this.stopped) return;
    const link = this.link.get();
    this.link.set({ ...link, state: "down", why: WHY[code] ?? `closed by the server (${code})` });
    this.retry = window.setTimeout(() => {
      this.link.set({ ...this.link.get(), reconnects: this.link.get().reconnects + 1 });
      this.connect();
    }, RECONNECT_MS);
    if (code === 4401) await this.api.get("api/session").catch(() => {});
    else await this.poll();
  }

  private say(message: unknown): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private hear(said: string): void {
    let message: unknown;
    try {
      message = JSON.parse(said);
    } catch {
      return;
    }
    this.spokeAt = Date.now();
    const type = text(record(message).type);
    if (type === "pong") {
      this.link.set({ ...this.link.get(), heardAt: this.spokeAt });
      return;
    }
    if (type === "RESUMED") {
      this.resuming = 0;
      this.flush();
      this.state.set(resumed(this.state.get()));
      return;
    }
    if (type === "STATE_SNAPSHOT") {
      this.flush();
      const anew = this.resuming !== 0 && this.welcomed;
      if (anew) this.resuming = 0;
      this.welcomed = true;
      const found = snapshot(message);
      // One older than what the page has takes nothing back: the answer to the resume follows.
      if (this.resuming === 0 || found.seq >= this.state.get().seq) this.state.set(fromSnapshot(this.state.get(), found, Date.now(), anew));
      this.link.set({ ...this.link.get(), state: "open", why: "", heardAt: Date.now(), eventAt: Date.now() });
      this.refresh();
      void this.engine();
      return;
    }
    const one = envelope(message);
    if (one === null || one.id === "" || this.resuming !== 0) return;
    this.queue.push(one);
    this.plan();
  }

  private ping(): void {
    if (this.socket === null) return;
    if (Date.now() - this.spokeAt > SILENT_MS) {
      const socket = this.socket;
      socket.onclose = null;
      socket.close();
      void this.lost(1006);
      return;
    }
    this.say({ type: "ping" });
  }

  // -- from messages to state, once per frame -----------------------------------------------------------

  private plan(): void {
    if (this.planned) return;
    this.planned = true;
    if (document.hidden) window.setTimeout(() => this.flush(), HIDDEN_MS);
    else window.requestAnimationFrame(() => this.flush());
  }

  private flush(): void {
    this.planned = false;
    if (this.queue.length === 0) return;
    const batch = this.queue;
    this.queue = [];
    this.take(batch);
  }

  private take(batch: Envelope[]): void {
    const before = this.state.get();
    const after = fromEvents(before, batch);
    this.state.set(after);
    this.heardEvents(batch.some((one) => one.type === "SCAN_SUMMARY"));
    if (after.runId !== before.runId && before.runId !== "") void this.anew();
    else this.refresh();
  }

  private heardEvents(cycle: boolean): void {
    const link = this.link.get();
    const now = Date.now();
    let { rhythm } = link;
    if (cycle) {
      if (this.cycleAt > 0) rhythm = rhythm === 0 ? now - this.cycleAt : rhythm * 0.8 + (now - this.cycleAt) * 0.2;
      this.cycleAt = now;
    }
    this.link.set({ ...link, heardAt: now, eventAt: now, rhythm });
  }

  /** Another run has begun: its account and positions are asked for. */
  private async anew(): Promise<void> {
    try {
      const found = snapshot(await this.api.get("api/state"));
      this.flush();
      this.adopt(found);
    } catch {
      // the next event or poll tells it
    }
  }

  /** A state that was asked for, unless events have overtaken it on its way. */
  private adopt(found: Snapshot): void {
    const state = this.state.get();
    if (found.seq >= state.seq) this.state.set(fromSnapshot(state, found, Date.now()));
  }

  // -- what is missing ----------------------------------------------------------------------------------

  private look(): void {
    this.flush();
    if (this.resuming !== 0 && Date.now() - this.resuming > RESUME_MS) this.resuming = 0;
    if (missing(this.state.get()) === null) {
      this.heldSince = 0;
      return;
    }
    const now = Date.now();
    if (this.heldSince === 0) this.heldSince = now;
    else if (now - this.heldSince > HOLD_MS && !this.filling) void this.fill();
  }

  /** Ask the API for what the socket left out; what it does not have either is a gap. */
  private async fill(): Promise<void> {
    this.filling = true;
    try {
      const { runId, seq } = this.state.get();
      const found = envelopes(await this.api.get(`${path`api/events?after=${seq}&run=${runId}`}&limit=${PAGE}`));
      const lacks = missing(this.state.get());
      if (lacks !== null) this.take(found.filter((one) => one.seq !== null && one.seq >= lacks.from && one.seq <= lacks.to));
      if (missing(this.state.get())?.from === seq + 1) this.state.set(giveUp(this.state.get()));
    } catch {
      this.state.set(giveUp(this.state.get()));
    } finally {
      this.filling = false;
      this.heldSince = 0;
    }
  }

  // -- the API while the socket is down -----------------------------------------------------------------

  private async poll(): Promise<void> {
    if (this.polling || this.stopped || this.socket?.readyState === WebSocket.OPEN) return;
    this.polling = true;
    try {
      const found = snapshot(await this.api.get("api/state"));
      await this.catchUp(found.runId, found.seq);
      if (this.link.get().state === "open") return;
      this.adopt(found);
      this.link.set({ ...this.link.get(), heardAt: Date.now() });
      await this.ask();
    } catch {
      // the banner says that the connection is down; the next poll tries again
    } finally {
      this.polling = false;
    }
  }

  /** The events up to ``to``, page by page, unless they are of another run or too many. */
  private async catchUp(runId: string, to: number): Promise<void> {
    for (let page = 0; page < PAGES; page += 1) {
      const { runId: mine, seq } = this.state.get();
      if (mine !== runId || seq >= to || to - seq > PAGE * PAGES) return;
      const found = envelopes(await this.api.get(`${path`api/events?after=${seq}&run=${runId}`}&limit=${PAGE}`));
      if (found.length === 0 || this.socket?.readyState === WebSocket.OPEN) return;
      this.take(found.filter((one) => one.seq !== null && one.seq > this.state.get().seq && one.seq <= to));
    }
  }

  // -- prices, account and positions after each cycle -----------------------------------------------------

  private refresh(): void {
    const { cycle } = this.state.get().versions;
    if (cycle === this.cycles || this.refreshing || document.hidden) return;
    this.refreshing = true;
    const wait = Math.max(0, this.refreshedAt + REFRESH_MS - Date.now());
    window.setTimeout(() => {
      this.cycles = this.state.get().versions.cycle;
      this.refreshedAt = Date.now();
      void this.ask().finally(() => {
        this.refreshing = false;
        if (this.state.get().versions.cycle !== this.cycles) this.refresh();
      });
    }, wait);
  }

  /** Whether the engine lives: one that has died says nothing. */
  private async engine(): Promise<void> {
    if (this.stopped || document.hidden || this.link.get().state === "down") return;
    const found = await this.api.get("api/engine").catch(() => null);
    if (found !== null && !this.stopped) this.state.set(withEngine(this.state.get(), engine(found)));
  }

  private async ask(): Promise<void> {
    if (this.stopped) return;
    const [scanned, holder, held] = await Promise.all(
      ["api/scan", "api/account", "api/positions"].map((one) => this.api.get(one).catch(() => null)),
    );
    if (this.stopped) return;
    let state = this.state.get();
    const last = scan(scanned);
    if (last !== null) state = withScan(state, last, Date.now());
    state = withAccount(state, account(holder));
    if (held !== null) state = { ...state, positions: items(held).map(position) };
    this.state.set(state);
  }
}
