/** Numbers, times and texts as a person reads them, in the browser's language. */

const NOTHING = "–";
const LOCALE: string | undefined = undefined;

const formats = new Map<string, Intl.NumberFormat>();

function format(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options);
  let found = formats.get(key);
  if (found === undefined) {
    found = new Intl.NumberFormat(LOCALE, options);
    formats.set(key, found);
  }
  return found;
}

export function plain(value: number | null, digits = 2): string {
  return value === null ? NOTHING : format({ maximumFractionDigits: digits }).format(value);
}

export function fixed(value: number | null, digits = 2): string {
  return value === null ? NOTHING : format({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** An amount of money without its currency, which stands once beside it. */
export function money(value: number | null, sign = false): string {
  if (value === null) return NOTHING;
  const digits = Math.abs(value) >= 1e6 ? 0 : 2;
  return format({ minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: sign ? "exceptZero" : "negative" }).format(value);
}

export function percent(value: number | null, sign = false): string {
  if (value === null) return NOTHING;
  const digits = Math.abs(value) >= 0.1 ? 1 : 2;
  return format({ style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: sign ? "exceptZero" : "negative" }).format(value);
}

/** Decimals by size: 64,123.45, 157.123, 1.08432, 0.00001234. */
export function priceDigits(value: number): number {
  const size = Math.abs(value);
  if (size >= 1000) return 2;
  if (size >= 20) return 3;
  if (size >= 0.05) return 5;
  return 8;
}

export function price(value: number | null): string {
  return value === null ? NOTHING : fixed(value, priceDigits(value));
}

export function quantity(value: number | null): string {
  return value === null ? NOTHING : format({ maximumSignificantDigits: 9 }).format(value);
}

export function count(value: number | null): string {
  return value === null ? NOTHING : format({ maximumFractionDigits: 0 }).format(value);
}

// -- times --------------------------------------------------------------------------------------------

const clock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(LOCALE, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const year = new Intl.DateTimeFormat(LOCALE, { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export function millis(iso: string | null): number | null {
  if (iso === null || iso === "") return null;
  const at = Date.parse(iso);
  return Number.isNaN(at) ? null : at;
}

/** Local time; with the day unless that is today, with the year unless that is this one. */
export function moment(iso: string | null, now: number): string {
  const at = millis(iso);
  if (at === null) return iso === null || iso === "" ? NOTHING : visible(iso, 40);
  const [then, today] = [new Date(at), new Date(now)];
  if (then.getFullYear() !== today.getFullYear()) return year.format(then);
  const same = then.getMonth() === today.getMonth() && then.getDate() === today.getDate();
  return (same ? clock : day).format(then);
}

/** The same moment in UTC, whole. */
export function utc(iso: string | null): string {
  const at = millis(iso);
  return at === null ? "" : `${new Date(at).toISOString().replace("T", " ").replace(/\.000Z$/, "Z").replace("Z", " UTC")}`;
}

/** How long: 4 s, 3 min, 2 h, 5 d. */
export function duration(ms: number | null): string {
  if (ms === null) return NOTHING;
  const seconds = Math.max(0, ms) / 1000;
  const [amount, unit] =
    seconds < 100 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : seconds < 129600 ? [seconds / 3600, "hour"] : [seconds / 86400, "day"];
  return format({ style: "unit", unit: unit as string, unitDisplay: "short", maximumFractionDigits: 0 }).format(Math.floor(amount as number));
}

// -- texts --------------------------------------------------------------------------------------------

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/**
 * A text from outside, with whatever would hide or turn around its neighbours written out, and cut where it is
 * longer than ``most``.
 */
export function visible(value: string, most = 300): string {
  const cut = value.length > most ? value.slice(0, most) : value;
  const shown = cut.replace(HIDDEN, (one) => `⟨U+${one.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  return value.length > most ? `${shown}… (${count(value.length)} characters)` : shown;
}

/** A name like max_daily_loss or SCAN_SUMMARY in words. */
export function words(name: string): string {
  const spaced = visible(name, 120).replaceAll("_", " ").toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

export type Tone = "good" | "bad" | "warn" | "calm" | "busy";

/** What a reason of a symbol means for whoever looks over the grid. */
export function toneOf(reason: string): Tone {
  if (/^(ERROR|HOST_DOWN|UNKNOWN|BAD_PRINT|REJECTED)/.test(reason)) return "bad";
  if (/^(DENIED|EXPIRED|NOT_SENT)/.test(reason)) return "warn";
  if (/^(FILLED|HOLDING|APPROVED)/.test(reason)) return "good";
  if (/^(CANDIDATE|SUBMITTED|EXIT)/.test(reason)) return "busy";
  return "calm";
}

/** Whether the agent of a symbol works, by its last reason. */
export function healthOf(reason: string): "ok" | "down" | "error" | "starting" {
  if (reason.startsWith("HOST_DOWN")) return "down";
  if (reason.startsWith("ERROR")) return "error";
  return reason === "" || reason.startsWith("WARMING_UP") ? "starting" : "ok";
}
