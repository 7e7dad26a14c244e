import { type ReactNode, useMemo, useState } from "react";
import { count, plain, visible, words } from "../format";
import { asking } from "../live/api";
import { useRemote } from "../live/session";
import { Card, Chip, Empty, Table, Text, Waiting } from "../parts/basic";
import { SELDOM, useKeys } from "../parts/keys";
import { RunChoice } from "../parts/runchoice";
import { Tabs } from "../parts/tabs";
import type { Route } from "../route";
import { type Plain, items, list, number, record, text } from "../wire";
import Presets from "./presets";

const PARTS = [
  ["", "Presets"],
  ["configuration", "Configuration"],
  ["strategies", "Strategies"],
  ["rules", "Rules"],
] as const;

export default function Setup({ route }: { route: Route }): ReactNode {
  const part = route.rest;
  const run = route.query.get("run") ?? "";
  return (
    <>
      <div className="title">
        <h1>Setup</h1>
        {part === "configuration" && <RunChoice view="setup" rest={part} run={run} />}
      </div>
      <Tabs view="setup" label="Parts of Setup" tabs={PARTS} current={part} />
      {part === "" ? (
        <Presets chosen={route.query.get("preset") ?? ""} />
      ) : part === "configuration" ? (
        <Configuration run={run} />
      ) : part === "strategies" ? (
        <Strategies />
      ) : part === "rules" ? (
        <Rules />
      ) : (
        <Empty>There is no such part.</Empty>
      )}
    </>
  );
}

function Value({ value }: { value: unknown }): ReactNode {
  const shown = text(value);
  return shown === "" || shown === "{}" || shown === "[]" ? <span className="faint">not set</span> : <Text value={shown} most={400} />;
}

// -- configuration ------------------------------------------------------------------------------------

function Configuration({ run }: { run: string }): ReactNode {
  const remote = useRemote(asking("api/config", { run }), ["engine"], SELDOM);
  const [filter, setFilter] = useState("");
  const [all, setAll] = useState(true);
  const keys = items(remote.body);
  const given = keys.filter((one) => text(one.source) !== "default");
  const sections = useMemo(() => {
    const wanted = filter.trim().toUpperCase();
    const found = new Map<string, Plain[]>();
    for (const one of items(remote.body)) {
      if (!all && text(one.source) === "default") continue;
      if (wanted !== "" && !`${text(one.key)} ${text(one.value)} ${text(one.source)} ${text(one.what)}`.toUpperCase().includes(wanted)) continue;
      const key = text(one.key);
      const section = key.includes(".") ? (key.split(".", 1)[0] ?? "") : "";
      found.set(section, [...(found.get(section) ?? []), one]);
    }
    return [...found];
  }, [remote.body, filter, all]);
  return (
    <Waiting of={remote}>
      <div className="bar">
        <input data-filter type="search" placeholder="Filter: key, value, source" aria-label="Filter keys" value={filter} onChange={(event) => setFilter(event.target.value)} />
        <div className="choices" role="group" aria-label="Which keys">
          <button type="button" aria-pressed={all} onClick={() => setAll(true)}>
            All <span className="faint">{count(keys.length)}</span>
          </button>
          <button type="button" aria-pressed={!all} onClick={() => setAll(false)}>
            Not as by default <span className="faint">{count(given.length)}</span>
          </button>
        </div>
        <span className="faint">{record(remote.body).run_id == null ? "No run yet: what one would be started with." : <>As run <Text value={text(record(remote.body).run_id)} most={60} /> was started.</>}</span>
      </div>
      {sections.length === 0 && <Empty>No key is like that.</Empty>}
      {sections.map(([section, rows]) => (
        <Card key={section} title={section === "" ? "The run" : visible(section, 60)}>
          <ul className="settings">
            {rows.map((one) => (
              <li key={text(one.key)} data-key={text(one.key)}>
                <code>
                  <Text value={text(one.key)} most={120} />
                </code>
                <span className="value">
                  <Value value={one.value} />
                </span>
                <span className="source">
                  <Chip tone={text(one.source) === "default" ? "calm" : "busy"}>
                    <Text value={text(one.source)} most={80} />
                  </Chip>
                </span>
                <span className="faint what">
                  <Text value={text(one.what)} most={300} />
                  {text(one.allowed) !== "" && (
                    <>
                      {" "}
                      (<Text value={text(one.allowed)} most={200} />)
                    </>
                  )}
                </span>
              </li>
            ))}
          </ul>
        </Card>
      ))}
    </Waiting>
  );
}

// -- strategies ---------------------------------------------------------------------------------------

function Strategies(): ReactNode {
  const remote = useRemote("api/strategies", [], SELDOM);
  const keys = useKeys();
  const used = text(keys?.get("strategy.name")?.value);
  const [filter, setFilter] = useState("");
  const wanted = filter.trim().toUpperCase();
  const rows = items(remote.body).filter((one) => wanted === "" || `${text(one.name)} ${text(one.doc)}`.toUpperCase().includes(wanted));
  return (
    <Waiting of={remote}>
      <div className="bar">
        <input data-filter type="search" placeholder="Filter: name or what it does" aria-label="Filter strategies" value={filter} onChange={(event) => setFilter(event.target.value)} />
      </div>
      {rows.length === 0 && <Empty>No strategy is like that.</Empty>}
      {rows.map((one) => (
        <Strategy key={text(one.name)} of={one} keys={text(one.name) === used ? keys : null} />
      ))}
    </Waiting>
  );
}

function Strategy({ of, keys }: { of: Plain; keys: ReadonlyMap<string, Plain> | null }): ReactNode {
  const [first = "", ...rest] = text(of.doc).split(/\n\s*\n/);
  const parameters = list(of.parameters).map(record);
  return (
    <details className="card" data-strategy={text(of.name)}>
      <summary>
        <b>
          <Text value={text(of.name)} most={60} />
        </b>{" "}
        {keys !== null && <Chip tone="good">in use</Chip>} <Text value={first} most={300} />
      </summary>
      {rest.map((one, at) => (
        <p key={at}>
          <Text value={one.replace(/\s*\n\s*/g, " ")} most={2000} />
        </p>
      ))}
      <p className="faint">
        Speaks after {count(number(of.warm_up))} closed bars{of.levels === true && "; its levels are in the charts"}.
      </p>
      <Table
        label={`Parameters of ${text(of.name).slice(0, 60)}`}
        rows={parameters}
        id={(row, at) => text(row.name) || at}
        none="It has no parameters."
        columns={[
          { name: "Parameter", cell: (row) => <code><Text value={text(row.name)} most={60} /></code> },
          ...(keys === null ? [] : [{ name: "Now", number: true, cell: (row: Plain) => <Value value={keys.get(`strategy.${text(row.name)}`)?.value ?? row.default} /> }]),
          { name: "Default", number: true, cell: (row) => <Value value={row.default} /> },
          { name: "Allowed", cell: (row) => <Text value={bounds(row)} most={120} /> },
          { name: "Unit", cell: (row) => <Text value={text(row.unit)} most={40} /> },
          { name: "What", long: true, cell: (row) => <Text value={text(row.doc)} most={400} /> },
        ]}
      />
    </details>
  );
}

function bounds(row: Plain): string {
  const choices = list(row.choices).map(text);
  if (choices.length > 0) return choices.join(", ");
  const [low, high] = [number(row.low), number(row.high)];
  if (low === null && high === null) return "";
  return low === null ? `up to ${plain(high, 9)}` : high === null ? `from ${plain(low, 9)}` : `${plain(low, 9)} to ${plain(high, 9)}`;
}

// -- rules --------------------------------------------------------------------------------------------

function Rules(): ReactNode {
  const remote = useRemote("api/rules", [], SELDOM);
  const keys = useKeys();
  const [filter, setFilter] = useState("");
  const wanted = filter.trim().toUpperCase();
  const rows = items(remote.body).filter((one) => wanted === "" || `${text(one.name)} ${text(one.doc)} ${list(one.keys).map(text).join(" ")}`.toUpperCase().includes(wanted));
  const stages = new Map<string, Plain[]>();
  for (const one of rows) stages.set(text(one.stage), [...(stages.get(text(one.stage)) ?? []), one]);
  return (
    <Waiting of={remote}>
      <div className="bar">
        <input data-filter type="search" placeholder="Filter: rule, key, what it does" aria-label="Filter rules" value={filter} onChange={(event) => setFilter(event.target.value)} />
        <span className="faint">In the order in which the gate asks them; the first one that denies ends it.</span>
      </div>
      {rows.length === 0 && <Empty>No rule is like that.</Empty>}
      {[...stages].map(([stage, found]) => (
        <Card key={stage} title={`Stage ${visible(stage, 20)}`}>
          <ul className="settings rules">
            {found.map((one) => (
              <li key={text(one.name)} data-rule={text(one.name)}>
                <span>
                  <b>
                    <Text value={words(text(one.name))} most={60} />
                  </b>{" "}
                  {one.always === true && <Chip tone="good">always</Chip>}
                </span>
                <span className="what">
                  <Text value={text(one.doc)} most={600} />
                </span>
                <span className="keys">
                  {list(one.keys).map(text).map((key) => (
                    <span key={key}>
                      <code>
                        <Text value={key} most={80} />
                      </code>{" "}
                      {keys !== null && <Value value={keys.get(key)?.value} />}
                    </span>
                  ))}
                </span>
              </li>
            ))}
          </ul>
        </Card>
      ))}
    </Waiting>
  );
}
