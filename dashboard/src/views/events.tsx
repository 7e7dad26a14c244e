import { type ReactNode, memo, useMemo, useState } from "react";
import { count, duration, millis, moment, utc, visible } from "../format";
import { path } from "../live/api";
import { useLive, useNow, useRemote } from "../live/session";
import { Card, Chip, Empty, Facts, Text, Time, Waiting } from "../parts/basic";
import { sentence, short } from "../parts/alerts";
import { PHONE, useMedia } from "../parts/media";
import { Virtual } from "../parts/virtual";
import { type Route, go, to } from "../route";
import { type Envelope, envelopes } from "../wire";

const GROUPS: [string, string, (type: string) => boolean][] = [
  ["", "All", () => true],
  ["DECISIONS", "Decisions", (type) => /^(CANDIDATE|RISK_|RESEARCH_|CRITIC_)/.test(type)],
  ["ORDERS", "Orders", (type) => type.startsWith("ORDER_") || type === "TRADE_EXECUTION"],
  ["POSITIONS", "Positions", (type) => /^(POSITION_|ACCOUNT_)/.test(type)],
  ["ALERT,ERROR", "Alerts", (type) => type === "ALERT" || type === "ERROR"],
  ["ENGINE", "Engine", (type) => /^(ENGINE_|RUN_|SCAN_|HEALTH|HEARTBEAT)/.test(type)],
];

export function toneOfType(one: Envelope): "good" | "bad" | "warn" | "calm" | "busy" {
  if (one.type === "ERROR" || /(REJECTED|UNKNOWN)$/.test(one.type) || one.data.alert === "EMERGENCY") return "bad";
  if (one.type === "ALERT" || one.type === "RISK_DENIED") return "warn";
  if (/^(TRADE_|POSITION_OPENED|RISK_APPROVED)/.test(one.type) || one.type === "ORDER_FILLED") return "good";
  return /^(CANDIDATE|ORDER_)/.test(one.type) ? "busy" : "calm";
}

/** What stands elsewhere in the same line, or says nothing to a person. */
const DULL = new Set(["simulated", "order_id", "fill_id"]);

/** What an event says, in a line. */
export function line(one: Envelope): string {
  if (one.type === "ALERT" || one.type === "ERROR") return sentence(one);
  const facts: string[] = [];
  for (const [name, value] of Object.entries(one.data)) {
    if (value === null || value === "" || value === undefined || DULL.has(name) || (name === "direction" && one.data.side !== undefined)) continue;
    facts.push(`${name.replaceAll("_", " ")} ${short(value)}`);
    if (facts.length > 11) break;
  }
  return facts.join(", ");
}

export default function Events({ route }: { route: Route }): ReactNode {
  return route.rest === "" ? <Stream types={route.query.get("types") ?? ""} symbol={route.query.get("symbol") ?? ""} /> : <Correlation id={route.rest} />;
}

function Stream({ types, symbol }: { types: string; symbol: string }): ReactNode {
  const events = useLive((state) => state.events);
  const phone = useMedia(PHONE);
  const [filter, setFilter] = useState(symbol);
  const [follow, setFollow] = useState(true);
  const [stopped, setStopped] = useState<readonly Envelope[] | null>(null);
  const group = GROUPS.find(([name]) => name === types) ?? GROUPS[0];
  const source = stopped ?? events;
  const rows = useMemo(() => {
    const wanted = filter.trim().toUpperCase();
    const test = group?.[2] ?? (() => true);
    return source.filter((one) => test(one.type) && (wanted === "" || `${one.seq} ${one.type} ${one.symbol ?? ""} ${one.id} ${line(one)}`.toUpperCase().includes(wanted)));
  }, [source, filter, group]);

  return (
    <>
      <h1>Events</h1>
      <div className="bar">
        <input data-filter type="search" placeholder="Filter: symbol, code, id, number" aria-label="Filter events" value={filter} onChange={(event) => setFilter(event.target.value)} />
        <div className="choices" role="group" aria-label="Which events">
          {GROUPS.map(([name, label]) => (
            <button key={name} type="button" aria-pressed={group?.[0] === name} onClick={() => go("events", "", { types: name })}>
              {label}
            </button>
          ))}
        </div>
        <div className="choices">
          <button type="button" aria-pressed={follow && stopped === null} onClick={() => setFollow(!follow)}>
            Follow
          </button>
          <button type="button" aria-pressed={stopped !== null} onClick={() => setStopped(stopped === null ? events : null)}>
            {stopped === null ? "Freeze" : "Frozen"}
          </button>
        </div>
        <span className="faint">
          {count(rows.length)} of the last {count(events.length)}
        </span>
      </div>
      {rows.length === 0 ? (
        <Empty>No event is like that.</Empty>
      ) : (
        <Virtual
          label="Events"
          rows={rows}
          height={phone ? 58 : 32}
          id={(one) => one.seq ?? one.id}
          open={(one) => go("events", one.id)}
          follow={follow && stopped === null}
          scrolled={(atEnd) => {
            if (atEnd !== follow) setFollow(atEnd);
          }}
          row={(one) => <Line one={one} />}
        />
      )}
      <p className="faint">Press one to see everything that belongs to it.</p>
    </>
  );
}

const Line = memo(function Line({ one }: { one: Envelope }): ReactNode {
  return (
    <div className="event" data-seq={one.seq ?? ""}>
      <span role="gridcell" className="n faint">
        {one.seq}
      </span>
      <time role="gridcell" dateTime={one.ts} title={utc(one.ts)}>
        {moment(one.ts, Date.now())}
      </time>
      <span role="gridcell">
        <Chip tone={toneOfType(one)}>
          <Text value={one.type} most={24} />
        </Chip>
      </span>
      <b role="gridcell">
        <Text value={one.symbol ?? ""} most={20} />
      </b>
      <span role="gridcell" className="said">
        {visible(line(one), 240)}
      </span>
    </div>
  );
});

/** Everything with the same correlation: one candidate from the scan to the fill and the close. */
function Correlation({ id }: { id: string }): ReactNode {
  const known = useLive((state) => state.events);
  const now = useNow(5000);
  const own = known.find((one) => one.id === id);
  const alone = own !== undefined && own.correlation_id === null;
  const remote = useRemote(alone ? null : path`api/events/${id}/correlation`, ["orders"]);
  const rows = useMemo(() => {
    const found = new Map(envelopes(remote.body).map((one) => [one.id, one]));
    const link = own?.correlation_id ?? found.get(id)?.correlation_id ?? null;
    for (const one of known) if (one.id === id || (link !== null && one.correlation_id === link)) found.set(one.id, one);
    return [...found.values()].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
  }, [remote.body, known, own, id]);
  const begun = millis(rows[0]?.ts ?? null);
  const symbol = rows.find((one) => one.symbol !== null)?.symbol ?? null;
  const steps = new Map(rows.map((one, at) => [one.id, at + 1]));

  return (
    <>
      <div className="title">
        <a href={to("events")} className="back">
          ← Events
        </a>
        <h1>
          {rows.length > 1 ? "From the scan to the end" : "Event"}{" "}
          {symbol !== null && (
            <a href={to("symbols", symbol)}>
              <Text value={symbol} most={24} />
            </a>
          )}
        </h1>
      </div>
      {rows.length === 0 ? (
        <Waiting of={remote}>
          <Empty>There is no such event any more.</Empty>
        </Waiting>
      ) : (
        <ol className="way">
          {rows.map((one, at) => {
            const cause = one.causation_id === null ? undefined : steps.get(one.causation_id);
            const after = millis(one.ts);
            return (
              <li key={one.id} className={one.id === id ? "chosen" : undefined} data-type={one.type}>
                <Card
                  title={one.type}
                  extra={
                    <span className="faint">
                      <Time at={one.ts} now={now} />
                      {at > 0 && begun !== null && after !== null && after > begun && <> · {duration(after - begun)} later</>} · {one.seq}
                      {cause !== undefined && cause !== at && <> · because of step {cause}</>}
                    </span>
                  }
                >
                  <p>
                    <Chip tone={toneOfType(one)}>
                      <Text value={line(one)} most={260} />
                    </Chip>
                  </p>
                  <details open={one.id === id && rows.length === 1}>
                    <summary>Everything it says</summary>
                    <Facts of={{ ...one.data, id: one.id, correlation: one.correlation_id, cause: one.causation_id, run: one.run_id }} most={2000} />
                  </details>
                </Card>
              </li>
            );
          })}
        </ol>
      )}
    </>
  );
}
