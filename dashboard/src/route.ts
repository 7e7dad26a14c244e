/** Where the page is: `#/symbols/EURUSD?filter=x`. */

import { useSyncExternalStore } from "react";

/** The keys of the views, in their order. */
export const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];

export interface Route {
  view: string;
  rest: string;
  query: URLSearchParams;
}

export function parse(hash: string): Route {
  const [where = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view = "", ...rest] = where.split("/");
  return { view: view || "overview", rest: decoded(rest.join("/")), query: new URLSearchParams(query) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function to(view: string, rest = "", query: Record<string, string> = {}): string {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
  return `#/${view}${rest === "" ? "" : `/${encodeURIComponent(rest)}`}${asked === "" ? "" : `?${asked}`}`;
}

export function go(view: string, rest = "", query: Record<string, string> = {}): void {
  window.location.hash = to(view, rest, query);
}

let known: { hash: string; route: Route } = { hash: "?", route: parse("") };

function now(): Route {
  const { hash } = window.location;
  if (known.hash !== hash) known = { hash, route: parse(hash) };
  return known.route;
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

export function useRoute(): Route {
  return useSyncExternalStore(subscribe, now);
}
