/** A preset as it is edited: texts by dotted keys, and what is asked of the server about them. Nothing is kept there. */

import { type Plain, list, record, text } from "../wire";

/** Changed and added keys with their texts; an empty text is null. */
export type Draft = Readonly<Record<string, string>>;

/** The sections that may be checked, as the API names them. */
export const SECTIONS = ["risk", "exits", "strategy", "account", "venues"];

/** The values of a preset by dotted keys; venues by their names. */
export function flat(values: Plain): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [section, inner] of Object.entries(values)) {
    if (section === "venues") {
      for (const one of list(inner).map(record)) {
        for (const [key, value] of Object.entries(one)) if (key !== "name") found.set(`venues.${text(one.name)}.${key}`, value);
      }
    } else if (typeof inner === "object" && inner !== null && !Array.isArray(inner)) {
      for (const [key, value] of Object.entries(inner)) found.set(`${section}.${key}`, value);
    } else {
      found.set(section, inner);
    }
  }
  return found;
}

/** As one types it: texts without quotes, everything else as JSON. */
export function typed(value: unknown): string {
  return value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
}

/** What was typed as a value: JSON where it is some, else a text. */
export function valueOf(shown: string): unknown {
  const said = shown.trim();
  if (said === "") return null;
  try {
    const value: unknown = JSON.parse(said);
    return typeof value === "number" && !Number.isFinite(value) ? said : value;
  } catch {
    return said;
  }
}

/** The draft with a key as it is typed now; one that is as in the preset is no change. */
export function edited(draft: Draft, preset: ReadonlyMap<string, unknown>, key: string, shown: string): Draft {
  const { [key]: _, ...others } = draft;
  return preset.has(key) && typed(preset.get(key)) === shown ? others : { ...others, [key]: shown };
}

export function without(draft: Draft, key: string): Draft {
  const { [key]: _, ...others } = draft;
  return others;
}

/** The body of POST /api/presets/validate. */
export function asked(preset: string, draft: Draft, strategy: string): Plain {
  return { preset, values: Object.fromEntries(Object.entries(draft).map(([key, shown]) => [key, valueOf(shown)])), strategy: strategy === "" ? null : strategy };
}

/** The same for a command line. */
export function command(preset: string, draft: Draft, strategy: string): string {
  const sets = Object.entries(draft).map(([key, shown]) => `--set ${quoted(`${key}=${argument(valueOf(shown))}`)}`);
  return ["python cli.py run --preset", quoted(preset), ...(strategy === "" ? [] : ["--strategy", quoted(strategy)]), ...sets].join(" ");
}

/** JSON, but a plain word without quotes. */
function argument(value: unknown): string {
  return typeof value === "string" && /^[A-Za-z][\w-]*$/.test(value) && valueOf(value) === value ? value : JSON.stringify(value);
}

function quoted(value: string): string {
  return /^[\w.,:=+/-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
