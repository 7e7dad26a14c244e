/** The answers of commands. */

import { record, text } from "../wire";
import { ApiError } from "./api";

export interface Answered {
  state: string;
  answer: unknown;
  commandId: string;
}

export function answered(body: unknown): Answered {
  const row = record(body);
  let answer = row.answer;
  if (typeof answer === "string") {
    try {
      answer = JSON.parse(answer);
    } catch {
      // a text is an answer too
    }
  }
  return { state: text(row.state), answer, commandId: text(row.command_id) };
}

/** A refusal in words, with what is allowed instead. */
export function refusal(error: unknown): string {
  const legal = error instanceof ApiError && error.legal.length > 0 ? ` Possible now: ${error.legal.join(", ")}.` : "";
  return (error instanceof Error ? error.message : String(error)) + legal;
}

export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}
