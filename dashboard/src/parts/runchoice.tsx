/** Of which run a view tells: the newest, or one before it. */

import { type ReactNode, useId } from "react";
import { moment, visible } from "../format";
import { useNow, useRemote } from "../live/session";
import { go } from "../route";
import { items, text } from "../wire";

export function RunChoice({ view, rest, run }: { view: string; rest: string; run: string }): ReactNode {
  const id = useId();
  const now = useNow(60_000);
  const [newest, ...earlier] = items(useRemote("api/runs", ["engine"], 60_000).body);
  if (run === "" && earlier.length === 0) return null;
  const told = earlier.map((one) => text(one.run_id)).includes(run);
  return (
    <span className="runchoice">
      <label htmlFor={id}>Run </label>
      <select id={id} value={run} onChange={(event) => go(view, rest, { run: event.target.value })}>
        <option value="">the newest{newest === undefined ? "" : `, of ${moment(text(newest.started_at), now)}`}</option>
        {run !== "" && !told && <option value={run}>{visible(run, 60)}</option>}
        {earlier.map((one) => (
          <option key={text(one.run_id)} value={text(one.run_id)}>
            {moment(text(one.started_at), now)} · {visible(text(one.run_id), 60)}
          </option>
        ))}
      </select>
    </span>
  );
}
