/** The configuration by its keys, for whoever explains one of them. */

import { useMemo } from "react";
import { useRemote } from "../live/session";
import { type Plain, items, text } from "../wire";

/** What does not change while a server runs is asked for anew now and then only. */
export const SELDOM = 300_000;

/** The keys of the newest run by their names; null while they are not known. */
export function useKeys(): ReadonlyMap<string, Plain> | null {
  const { body } = useRemote("api/config", ["engine"], SELDOM);
  return useMemo(() => (body === null ? null : new Map(items(body).map((one) => [text(one.key), one]))), [body]);
}
