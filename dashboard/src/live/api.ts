/** The API over HTTP: same origin, session cookie, CSRF header on whatever changes something. */

import { type Session, list, record, session as readSession, text } from "../wire";

const PATIENCE_MS = 10_000;
const KEPT = 60;

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly legal: string[] = [],
  ) {
    super(message);
  }
}

interface Answer {
  etag: string;
  body: unknown;
}

export class Api {
  private csrf = "";
  private readonly answers = new Map<string, Answer>();
  /** Called when the session is over. */
  ended: () => void = () => {};

  /** The same object as the last time while the server says that nothing has changed. */
  async get(path: string): Promise<unknown> {
    const known = this.answers.get(path);
    const response = await this.send(path, "GET", known === undefined ? {} : { "If-None-Match": known.etag });
    if (response.status === 304 && known !== undefined) return known.body;
    const body = await this.read(response);
    const etag = response.headers.get("ETag");
    if (etag !== null) {
      this.answers.delete(path);
      this.answers.set(path, { etag, body });
      const oldest = this.answers.keys().next();
      if (this.answers.size > KEPT && oldest.done !== true) this.answers.delete(oldest.value);
    }
    return body;
  }

  async post(path: string, body: unknown, key?: string): Promise<unknown> {
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    if (this.csrf !== "") headers["X-CSRF-Token"] = this.csrf;
    if (key !== undefined) headers["Idempotency-Key"] = key;
    return this.read(await this.send(path, "POST", headers, JSON.stringify(body)));
  }

  /** The session of the cookie; null without one. */
  async session(): Promise<Session | null> {
    try {
      return this.remember(await this.read(await this.send("api/session", "GET", {}), false));
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return null;
      throw error;
    }
  }

  async login(secret: { code: string } | { token: string }): Promise<Session> {
    return this.remember(await this.read(await this.send("login", "POST", { "Content-Type": "application/json" }, JSON.stringify(secret)), false));
  }

  async logout(): Promise<void> {
    await this.post("logout", {});
    this.csrf = "";
    this.answers.clear();
  }

  private remember(body: unknown): Session {
    const session = readSession(body);
    this.csrf = session.csrf;
    return session;
  }

  private async send(path: string, method: string, headers: Record<string, string>, body?: string): Promise<Response> {
    const options: RequestInit = {
      method,
      headers: { Accept: "application/json", ...headers },
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE_MS),
    };
    if (body !== undefined) options.body = body;
    try {
      return await fetch(path, options);
    } catch {
      throw new ApiError(0, "NO_ANSWER", "The server does not answer.");
    }
  }

  private async read(response: Response, inSession = true): Promise<unknown> {
    let body: unknown = null;
    try {
      body = await response.json();
    } catch {
      if (response.ok) throw new ApiError(response.status, "NOT_JSON", "The server's answer cannot be read.");
    }
    if (response.ok) return body;
    const error = record(record(body).error);
    if (response.status === 401 && inSession) this.ended();
    throw new ApiError(
      response.status,
      text(error.code) || `HTTP_${response.status}`,
      text(error.message) || `The server answered ${response.status}.`,
      list(error.legal).map(text),
    );
  }
}

/** A path of the API with values that may hold anything. */
export function path(parts: TemplateStringsArray, ...values: unknown[]): string {
  return String.raw({ raw: parts }, ...values.map((one) => encodeURIComponent(String(one))));
}

/** A path with what it is asked with; what is empty is left out. */
export function asking(address: string, query: Record<string, string>): string {
  const said = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
  return said === "" ? address : `${address}?${said}`;
}
