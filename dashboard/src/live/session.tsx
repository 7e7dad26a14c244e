/** The parts every view uses: the API, the live state, the session, and the time. */

import { useEffect, useRef, useState } from "react";
import type { Session } from "../wire";
import { Api, ApiError } from "./api";
import { Connection, type Link, NO_LINK } from "./connection";
import { EMPTY, type State, type Versions } from "./state";
import { Store, useStore } from "./store";

export type Login = { session: Session | null; asked: boolean; why: string };

export const api = new Api();
export const live = new Store<State>(EMPTY);
export const link = new Store<Link>(NO_LINK);
export const login = new Store<Login>({ session: null, asked: false, why: "" });
const connection = new Connection(api, live, link);

/** The server renews a session that is asked for now and then. */
const RENEW_MS = 120_000;
const KEY = "argus-session";
let renewing = 0;

api.ended = () => {
  if (login.get().session === null) return;
  remember(false);
  window.clearInterval(renewing);
  connection.stop();
  login.set({ session: null, asked: true, why: "The session has ended. Log in again." });
};

/** With the cookie that is there, or with the one-time code that stands behind the address. */
export async function begin(): Promise<void> {
  const code = /^#code=(.+)$/.exec(window.location.hash)?.[1];
  if (code !== undefined) {
    window.history.replaceState(null, "", window.location.pathname);
    await enter({ code: decodeURIComponent(code) });
    return;
  }
  if (!remembered()) {
    admit(null, "");
    return;
  }
  try {
    admit(await api.session(), "");
  } catch (error) {
    admit(null, said(error));
  }
}

export async function enter(secret: { code: string } | { token: string }): Promise<void> {
  try {
    const session = await api.login(secret);
    admit(session.role === "operator" || session.csrf !== "" ? session : await api.session(), "");
  } catch (error) {
    const refused = error instanceof ApiError && [400, 401, 403, 422].includes(error.status);
    if ("code" in secret && refused) {
      const session = await api.session().catch(() => null);
      admit(session, session === null ? "This code is used up or wrong. Enter the token instead." : "");
      return;
    }
    admit(null, refused ? "Wrong token." : said(error));
  }
}

export async function leave(): Promise<void> {
  await api.logout().catch(() => {});
  connection.stop();
  remember(false);
  login.set({ session: null, asked: true, why: "" });
}

function admit(session: Session | null, why: string): void {
  login.set({ session, asked: true, why });
  window.clearInterval(renewing);
  remember(session !== null);
  if (session === null) return;
  connection.start();
  renewing = window.setInterval(() => void api.get("api/session").catch(() => {}), RENEW_MS);
}

/** Whether this browser has had a session: without one nothing is asked that would be refused. The cookie itself
 * cannot be read by the page. */
function remembered(): boolean {
  try {
    return window.localStorage.getItem(KEY) !== null;
  } catch {
    return true;
  }
}

function remember(yes: boolean): void {
  try {
    if (yes) window.localStorage.setItem(KEY, "1");
    else window.localStorage.removeItem(KEY);
  } catch {
    // a browser that keeps nothing
  }
}

export function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function useLive<P>(part: (state: State) => P): P {
  return useStore(live, part);
}

export function useOperator(): boolean {
  return useStore(login, (value) => value.session?.role === "operator");
}

/** Machine time in ms, anew every ``every`` ms. */
export function useNow(every = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), every);
    return () => window.clearInterval(timer);
  }, [every]);
  return now;
}

export interface Remote {
  body: unknown;
  error: string;
  loaded: boolean;
  again: () => void;
}

/** An answer of the API: asked when shown, when one of ``on`` changes (at most every second), and every ``every`` ms. */
export function useRemote(address: string | null, on: readonly (keyof Versions)[] = [], every = 15_000): Remote {
  const [answer, setAnswer] = useState<{ address: string | null; body: unknown; error: string }>({ address: null, body: null, error: "" });
  const [asked, setAsked] = useState(0);
  const mark = useLive((state) => on.map((name) => state.versions[name]).join());
  const wanted = useRef<string | null>(null);
  const last = useRef(0);

  useEffect(() => {
    if (wanted.current !== address) last.current = 0;
    wanted.current = address;
    if (address === null) return;
    const ask = async (): Promise<void> => {
      last.current = Date.now();
      let body: unknown = null;
      let error = "";
      try {
        body = await api.get(address);
      } catch (thrown) {
        error = said(thrown);
      }
      if (wanted.current !== address) return;
      setAnswer((old) => {
        const mine = old.address === address;
        if (error !== "") return { address, body: mine ? old.body : null, error };
        return mine && old.body === body && old.error === "" ? old : { address, body, error };
      });
    };
    const soon = window.setTimeout(() => void ask(), Math.max(0, last.current + 1000 - Date.now()));
    const timer = window.setInterval(() => {
      if (!document.hidden) void ask();
    }, every);
    return () => {
      window.clearTimeout(soon);
      window.clearInterval(timer);
    };
  }, [address, mark, asked, every]);

  useEffect(() => () => void (wanted.current = null), []);

  const mine = answer.address === address && address !== null;
  return {
    body: mine ? answer.body : null,
    error: mine ? answer.error : "",
    loaded: mine,
    again: () => {
      last.current = 0;
      setAsked((n) => n + 1);
    },
  };
}
