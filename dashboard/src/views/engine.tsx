import { type ReactNode, useState } from "react";
import { millis, plain } from "../format";
import { askHalt } from "../live/halt";
import { useLive, useNow, useOperator, useRemote } from "../live/session";
import { Card, Chip, Meter, Table, Text, Time, Waiting } from "../parts/basic";
import { Ask, type Command } from "../parts/dialog";
import { Diagram } from "../parts/diagram";
import { Columns } from "../parts/spark";
import { Start } from "../parts/startdialog";
import { type Plain, type Transition, engine as readEngine, items, list, number, record, text } from "../wire";

const COMMANDS: Record<string, Command> = {
  pause: { address: "api/engine/pause", title: "Pause", act: "Pause", explain: <p>New entries are denied until resume; exits and stops go on.</p> },
  resume: { address: "api/engine/resume", title: "Resume", act: "Resume", explain: <p>Entries are taken again.</p> },
  reload: { address: "api/engine/reload", title: "Reload", act: "Reload", explain: <p>What may change while a run goes on is read anew, like the calendar of news.</p> },
  stop: { address: "api/engine/stop", title: "Stop the engine", act: "Stop", explain: <p>The run ends in order after its cycle. Positions stay as they are, with their stops at the venue.</p>, danger: true },
  "reset-kill-switch": { address: "api/engine/reset-kill-switch", title: "Reset the kill switch", act: "Reset", explain: <p>Trading goes on as after a resume.</p>, danger: true },
};

/** Names under which a command may stand among the legal ones. */
const ALSO: Record<string, string[]> = { "emergency-stop": ["halt", "emergency_stop"], "reset-kill-switch": ["reset_kill_switch", "reset"] };

/** Nothing is while it is not known what is; a halt does not ask. */
function allowed(legal: readonly string[], name: string): boolean {
  return legal.includes(name) || (ALSO[name] ?? []).some((one) => legal.includes(one));
}

export default function Engine(): ReactNode {
  const live = useLive((state) => state.engine);
  const times = useLive((state) => state.cycleTimes);
  const remote = useRemote("api/engine", ["engine"]);
  const operator = useOperator();
  const now = useNow(5000);
  const [asked, setAsked] = useState<Command | null>(null);
  const [starting, setStarting] = useState(false);
  const told = readEngine(remote.body);
  const state = live.state || told.state;
  const history = joined(told.history, live.history);
  const shown = times.length > 0 ? times : told.cycleTimes;

  return (
    <>
      <h1>Engine</h1>
      <div className="split">
        <Card title="State" className="broad">
          <Diagram state={state} />
          <p>
            <Text value={live.reason} most={300} /> <span className="faint">since <Time at={live.since} now={now} /></span>
          </p>
          {operator && (
            <div className="buttons left commands">
              <button type="button" data-command="start" disabled={!told.legal.includes("start")} onClick={() => setStarting(true)}>
                Start…
              </button>
              {Object.entries(COMMANDS).map(([name, command]) => (
                <button key={name} type="button" data-command={name} disabled={!allowed(told.legal, name)} title={allowed(told.legal, name) ? undefined : remote.body === null ? "What is possible is not known yet" : `Not possible while the engine is ${state || "not there"}`} onClick={() => setAsked(command)}>
                  {command.act}
                  {name === "reset-kill-switch" ? " the kill switch" : ""}…
                </button>
              ))}
              <button type="button" className="halt" onClick={askHalt}>
                ■ Halt…
              </button>
            </div>
          )}
        </Card>
        <Card title="Time of a cycle" className="broad">
          {shown.length === 0 ? <p className="empty">No cycle has been measured yet.</p> : <Columns values={shown.slice(-300)} label="Milliseconds of the last cycles" shown={(value) => `${plain(value, value < 10 ? 2 : 0)} ms`} />}
        </Card>
        <Card title="Actors">
          <Actors />
        </Card>
        <Card title="Resources">
          <Resources />
        </Card>
        <Card title="History" className="broad">
          <Table
            label="Transitions"
            rows={[...history].reverse().slice(0, 50)}
            id={(_, at) => at}
            none="The engine has not moved yet."
            columns={[
              { name: "At", cell: (row) => <Time at={row.at} now={now} /> },
              { name: "From", cell: (row) => <Text value={row.from} most={24} /> },
              { name: "To", cell: (row) => <Text value={row.to} most={24} /> },
              { name: "Why", long: true, cell: (row) => <Text value={row.reason} most={160} /> },
            ]}
          />
        </Card>
      </div>
      {starting && (
        <Start
          close={() => {
            setStarting(false);
            remote.again();
          }}
        />
      )}
      {asked !== null && (
        <Ask
          command={asked}
          close={() => {
            setAsked(null);
            remote.again();
          }}
        />
      )}
    </>
  );
}

export function joined(told: readonly Transition[], live: readonly Transition[]): Transition[] {
  const found = new Map<string, Transition>();
  for (const one of [...told, ...live]) found.set(`${millis(one.at) ?? one.at} ${one.to}`, one);
  return [...found.values()].sort((a, b) => (a.at ?? "").localeCompare(b.at ?? ""));
}

function Actors(): ReactNode {
  const remote = useRemote("api/health/actors", ["engine"], 5000);
  const rows = items(remote.body).map((row) => ({ ...row, ...record(row.data) }) as Plain);
  return (
    <Waiting of={remote}>
      <Table
        label="Actors"
        rows={rows.slice(0, 200)}
        id={(row, at) => text(row.name ?? row.actor) || at}
        none="No actor runs."
        columns={[
          { name: "Actor", cell: (row) => <Text value={text(row.name ?? row.actor)} most={40} /> },
          { name: "State", cell: (row) => <ActorState row={row} /> },
          { name: "Waiting", number: true, cell: (row) => plain(number(row.waiting), 0) },
          { name: "Restarts", number: true, cell: (row) => plain(number(row.restarts), 0) },
          { name: "", cell: (row) => <Text value={typeof row.detail === "object" && row.detail !== null ? Object.entries(record(row.detail)).map(([name, value]) => `${name} ${text(value)}`).join(", ") : text(row.detail ?? row.reason ?? "")} most={80} /> },
        ]}
      />
    </Waiting>
  );
}

function ActorState({ row }: { row: Record<string, unknown> }): ReactNode {
  const told = text(row.state ?? row.status);
  const state = told !== "" ? told : row.alive === false ? "lost" : row.ready === false ? "starting" : "ready";
  return (
    <Chip tone={state === "ready" || state === "ok" ? "good" : state === "starting" ? "busy" : "bad"}>
      <Text value={state.replaceAll("_", " ")} most={24} />
    </Chip>
  );
}

/** Names of what is measured, in its own unit. */
const MEASURED: [string, string, "%" | "MB"][] = [
  ["cpu", "Processors", "%"],
  ["memory", "Memory of the machine", "%"],
  ["disk", "Disk", "%"],
  ["open_files", "Open files", "%"],
  ["memory_mb", "Memory of these processes", "MB"],
  ["database_mb", "Database", "MB"],
  ["wal_mb", "Its log", "MB"],
];

function Resources(): ReactNode {
  const remote = useRemote("api/health/resources", [], 10_000);
  const body = record(remote.body);
  const values = record(body.values);
  const processes = list(body.processes).map(record);
  const free = number(body.disk_free_mb);
  return (
    <Waiting of={remote}>
      <ul className="limits small">
        {MEASURED.map(([name, label, unit]) => {
          const value = number(values[name]);
          return (
            <li key={name}>
              <span className="name">{label}</span>
              {unit === "%" ? <Meter share={value === null ? null : value / 100} label={label} /> : <span />}
              <span className="n">{value === null ? "–" : unit === "%" ? `${plain(value, 1)} %` : bytes(value * 1e6)}</span>
            </li>
          );
        })}
      </ul>
      <p className="faint">
        {body.of_run === true ? "Of the run's " : "Of this server's "}
        {processes.length} processes{free !== null && <>, {bytes(free * 1e6)} of disk free</>}
      </p>
    </Waiting>
  );
}

export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let size = value;
  while (size >= 1000 && at < units.length - 1) {
    size /= 1000;
    at += 1;
  }
  return `${plain(size, size < 10 && at > 0 ? 1 : 0)} ${units[at]}`;
}
