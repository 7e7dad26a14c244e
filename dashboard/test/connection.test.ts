import { describe, expect, it } from "vitest";
import { NO_LINK, QUIET_MS, STALE_MS, silence } from "../src/live/connection";
import { answered } from "../src/live/commands";

const link = { ...NO_LINK, state: "open" as const };

describe("silence", () => {
  it("is none before anything came", () => {
    expect(silence(link, true, 1e9)).toBe(0);
  });

  it("is told when the server says nothing for ten seconds", () => {
    const heard = { ...link, heardAt: 1000, eventAt: 1000 };
    expect(silence(heard, false, 1000 + STALE_MS)).toBe(0);
    expect(silence(heard, false, 1001 + STALE_MS)).toBe(STALE_MS + 1);
  });

  it("is told when the engine says nothing for three of its cycles, ten seconds at least", () => {
    const at = (rhythm: number, quiet: number): number => silence({ ...link, heardAt: 1e6 + quiet, eventAt: 1e6, rhythm }, true, 1e6 + quiet);
    expect([at(1000, STALE_MS), at(1000, STALE_MS + 1)]).toEqual([0, STALE_MS + 1]);
    expect([at(5000, 15_000), at(5000, 15_001)]).toEqual([0, 15_001]);
    expect([at(3_600_000, QUIET_MS), at(3_600_000, QUIET_MS + 1), at(0, QUIET_MS + 1)]).toEqual([0, QUIET_MS + 1, QUIET_MS + 1]);
  });

  it("is no wonder while no engine runs", () => {
    expect(silence({ ...link, heardAt: 1e9, eventAt: 1000, rhythm: 1000 }, false, 1e9)).toBe(0);
  });
});

it("an answer may come as JSON within a text", () => {
  expect(answered({ command_id: 5, state: "DONE", answer: '{"verified":true}' })).toEqual({ commandId: "5", state: "DONE", answer: { verified: true } });
  expect(answered({ state: "DONE", answer: "halted" }).answer).toBe("halted");
});
