/** A list that the server cuts into pages: one is shown, the first of them stays current. */

import { type ReactNode, useState } from "react";
import { asking } from "../live/api";
import { type Remote, useRemote } from "../live/session";
import type { Versions } from "../live/state";
import { record, text } from "../wire";

export interface Pages {
  remote: Remote;
  page: number;
  next: string;
  older: () => void;
  newer: () => void;
}

export function usePages(address: string, query: Record<string, string>, on: readonly (keyof Versions)[] = []): Pages {
  const base = asking(address, query);
  const [trail, setTrail] = useState<{ base: string; cursors: readonly string[] }>({ base, cursors: [] });
  const cursors = trail.base === base ? trail.cursors : [];
  const first = cursors.length === 0;
  const remote = useRemote(asking(address, { ...query, after: cursors[cursors.length - 1] ?? "" }), first ? on : [], first ? 15_000 : 300_000);
  const next = text(record(remote.body).next);
  return {
    remote,
    page: cursors.length + 1,
    next,
    older: () => setTrail({ base, cursors: [...cursors, next] }),
    newer: () => setTrail({ base, cursors: cursors.slice(0, -1) }),
  };
}

export function Pager({ of }: { of: Pages }): ReactNode {
  if (of.page === 1 && of.next === "") return null;
  return (
    <div className="buttons left pager">
      <button type="button" disabled={of.page === 1} onClick={of.newer}>
        ← Newer
      </button>
      <button type="button" disabled={of.next === ""} onClick={of.older}>
        Older →
      </button>
      <span className="faint">page {of.page}</span>
    </div>
  );
}
