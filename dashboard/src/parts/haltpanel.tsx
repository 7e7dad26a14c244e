/** The halt: its question, how far it is, and what the venue then had. */

import { type ReactNode, useState } from "react";
import { count, plain } from "../format";
import { type Halt, type Phase, closeHalt, halt, sendHalt } from "../live/halt";
import { useLive, useNow } from "../live/session";
import { useStore } from "../live/store";
import { Text } from "./basic";
import { Dialog, Failed, ReasonField } from "./dialog";

export function HaltPanel(): ReactNode {
  const found = useStore(halt, (value) => value);
  if (!found.open) return null;
  return found.phase === "asking" ? <Question /> : <Progress halt={found} />;
}

function Question(): ReactNode {
  const [reason, setReason] = useState("");
  const [flatten, setFlatten] = useState(false);
  const held = useLive((state) => state.positions.length);
  return (
    <Dialog title="Halt all trading" close={closeHalt} danger>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void sendHalt(reason.trim(), flatten);
        }}
      >
        <div className="explain">
          <p>Latches the kill switch: no new risk on any account, now and in every later run, and cancels entries that still work. Stops and exits go on.</p>
          <p>It stays until someone resets the kill switch.</p>
        </div>
        <p className="field check">
          <label>
            <input type="checkbox" checked={flatten} onChange={(event) => setFlatten(event.target.checked)} /> Close every position as well ({held})
          </label>
        </p>
        <ReasonField value={reason} change={setReason} />
        <div className="buttons">
          <button type="button" onClick={closeHalt}>
            Back
          </button>
          <button type="submit" className="halt" disabled={reason.trim() === ""}>
            ■ {flatten ? "Halt and close everything" : "Halt"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const REACHED: Record<Phase, number> = { idle: 0, asking: 0, sending: 0, waiting: 1, latched: 2, unverified: 2, verified: 3, failed: 0 };
const STEPS = ["Sent to the server", "Done by the engine", "Verified at the venue"];

function Progress({ halt: now }: { halt: Halt }): ReactNode {
  const reached = REACHED[now.phase];
  const going = now.phase === "sending" || now.phase === "waiting";
  return (
    <Dialog title="Halt" close={closeHalt} danger>
      <div id="halt-progress" data-phase={now.phase}>
        <p>
          Reason: <Text value={now.reason} most={300} />
        </p>
        <ol className="steps">
          {STEPS.map((name, at) => (
            <li key={name} className={at < reached ? "done" : at === reached && going ? "now" : ""}>
              <span aria-hidden="true">{at < reached ? "✓" : at === reached && going ? "…" : "○"}</span> {name}
            </li>
          ))}
        </ol>
        {going && <Waited since={now.at} />}
        {now.error !== "" && <Failed>{now.error}</Failed>}
        {now.phase === "latched" && (
          <p role="status">
            The kill switch is latched; nothing was verified at a venue. <Text value={now.note} most={300} />
          </p>
        )}
        {now.phase === "verified" && (
          <p role="status" className="verified">
            ✓ Verified: no entry is left at the venue.
          </p>
        )}
        {now.phase === "unverified" && (
          <Failed>{`Not verified: entries are left at the venue${now.result === null ? "" : `: ${now.result.left.join(", ")}`}. Look there yourself.`}</Failed>
        )}
        {now.result !== null && (
          <dl className="facts">
            <div>
              <dt>Cancelled</dt>
              <dd>{now.result.cancelled.length === 0 ? "nothing was working" : <Cancelled orders={now.result.cancelled} />}</dd>
            </div>
            <div>
              <dt>Closing</dt>
              <dd>
                <Text value={now.result.closing.join(", ") || "nothing"} most={600} />
              </dd>
            </div>
            {now.result.positions.length > 0 && (
              <div>
                <dt>Positions at the venue</dt>
                <dd>
                  <Text value={now.result.positions.join(", ")} most={600} />
                </dd>
              </div>
            )}
          </dl>
        )}
        <div className="buttons">
          <button type="button" onClick={closeHalt} data-focus>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}

/** How many orders ended in which state; those that did not end as wished are named. */
function Cancelled({ orders }: { orders: [string, string][] }): ReactNode {
  const good = orders.filter(([, status]) => status === "CANCELLED").length;
  return (
    <>
      {count(good)} of {count(orders.length)} orders
      {orders
        .filter(([, status]) => status !== "CANCELLED")
        .map(([id, status]) => (
          <div key={id}>
            <Text value={`${id.slice(0, 16)}: ${status}`} most={60} />
          </div>
        ))}
    </>
  );
}

function Waited({ since }: { since: number }): ReactNode {
  const now = useNow(200);
  return <p className="faint">{plain((now - since) / 1000, 1)} s …</p>;
}
