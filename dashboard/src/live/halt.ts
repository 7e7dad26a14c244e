/** The halt: asked for once, then followed until the venue has been looked at. */

import { type Envelope, type Plain, list, record, text } from "../wire";
import { ApiError } from "./api";
import type { State } from "./state";
import { Store } from "./store";
import { answered, newKey, refusal } from "./commands";
import { api, live } from "./session";

export type Phase = "idle" | "asking" | "sending" | "waiting" | "verified" | "unverified" | "latched" | "failed";

export interface Result {
  verified: boolean;
  cancelled: [string, string][];
  closing: string[];
  left: string[];
  positions: string[];
}

export interface Halt {
  phase: Phase;
  reason: string;
  flatten: boolean;
  at: number;
  error: string;
  result: Result | null;
  note: string;
  open: boolean;
}

export const IDLE: Halt = { phase: "idle", reason: "", flatten: false, at: 0, error: "", result: null, note: "", open: false };
export const halt = new Store<Halt>(IDLE);

const EVERY_MS = 1500;
const PATIENCE_MS = 60_000;

let key = "";
let since = 0;
let run = "";

export function askHalt(): void {
  const now = halt.get();
  const over = ["verified", "latched", "failed", "idle"].includes(now.phase);
  halt.set(over ? { ...IDLE, phase: "asking", open: true } : { ...now, open: true });
  if (over) key = newKey();
}

export function closeHalt(): void {
  const now = halt.get();
  halt.set(now.phase === "asking" ? IDLE : { ...now, open: false });
}

export async function sendHalt(reason: string, flatten: boolean): Promise<void> {
  ({ seq: since, runId: run } = live.get());
  halt.set({ ...halt.get(), phase: "sending", reason, flatten, at: Date.now(), error: "" });
  await post();
}

async function post(): Promise<void> {
  const { reason, flatten } = halt.get();
  try {
    const told = answered(await api.post("api/engine/emergency-stop", { reason, flatten }, key));
    if (settled()) return;
    const found = record(told.answer);
    if (told.state === "REFUSED") {
      halt.set({ ...halt.get(), phase: "failed", error: text(found.reason) || "The engine refused." });
    } else if (found.verified !== undefined) {
      finish(found);
    } else if (told.state === "DONE") {
      halt.set({ ...halt.get(), phase: "latched", note: text(found.reason) || text(found.note) || (typeof told.answer === "string" ? told.answer : "") });
    } else {
      halt.set({ ...halt.get(), phase: "waiting" });
      window.setTimeout(() => void again(), EVERY_MS);
    }
  } catch (error) {
    if (settled()) return;
    if (error instanceof ApiError && error.status > 0) {
      key = newKey();
      halt.set({ ...halt.get(), phase: "failed", error: refusal(error) });
    } else {
      halt.set({ ...halt.get(), phase: "sending", error: `${refusal(error)} Trying again.` });
      window.setTimeout(() => void again(), EVERY_MS);
    }
  }
}

/** Asked again with the same key: it does nothing more, and tells how far the engine is. */
async function again(): Promise<void> {
  const { phase, at } = halt.get();
  if (phase !== "waiting" && phase !== "sending") return;
  if (Date.now() - at > PATIENCE_MS) {
    halt.set({ ...halt.get(), phase: "failed", error: "No answer from the engine within a minute. Look at the venue itself." });
    return;
  }
  await post();
}

function settled(): boolean {
  return ["verified", "unverified", "idle"].includes(halt.get().phase);
}

/** The event that ends the wait; called with every new state. */
export function followHalt(state: State): void {
  const { phase } = halt.get();
  if (phase !== "waiting" && phase !== "sending" && phase !== "unverified") return;
  const found = emergency(state.alerts, state.runId === run ? since : 0);
  if (found !== null) finish(found.data);
}

export function emergency(alerts: readonly Envelope[], after: number): Envelope | null {
  for (let at = alerts.length - 1; at >= 0; at -= 1) {
    const one = alerts[at];
    if (one === undefined || (one.seq ?? 0) <= after) return null;
    if (one.type === "ALERT" && one.data.alert === "EMERGENCY") return one;
  }
  return null;
}

function finish(found: Plain): void {
  const made = result(found);
  halt.set({ ...halt.get(), phase: made.verified ? "verified" : "unverified", result: made, error: "" });
}

export function result(found: Plain): Result {
  return {
    verified: found.verified === true,
    cancelled: Object.entries(record(found.cancelled)).map(([id, status]) => [id, text(status)]),
    closing: names(found.closing),
    left: names(found.left),
    positions: names(found.positions),
  };
}

function names(value: unknown): string[] {
  const rows = Array.isArray(value) ? list(value) : Object.entries(record(value)).map(([name, one]) => `${name} ${text(one)}`);
  return rows.map((one) => (typeof one === "object" && one !== null ? text(record(one).symbol ?? record(one).id ?? one) : text(one)));
}

live.subscribe(() => followHalt(live.get()));
