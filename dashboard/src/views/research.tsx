/** What research was asked and said, what that did to trades, and whether it was worth anything. */

import { type ReactNode, useState } from "react";
import { count, percent, plain, words } from "../format";
import { asking } from "../live/api";
import { useNow, useRemote } from "../live/session";
import { Card, Chip, Empty, Side, Table, Text, Tile, Time, Waiting } from "../parts/basic";
import { Pager, usePages } from "../parts/pages";
import { Came, Effect, Said, Source } from "../parts/research";
import { RunChoice } from "../parts/runchoice";
import { Tabs } from "../parts/tabs";
import { type Route, to } from "../route";
import { items, number, numbers, record, text } from "../wire";
import { SymbolLink, useSymbol } from "./journal";
import { OneCase } from "./researchcase";
import { Calibration, Cost, usd } from "./researchfigures";
import { Notes, Proposals } from "./researchnotes";

const PARTS = [
  ["", "Cases"],
  ["calibration", "Calibration"],
  ["cost", "Cost"],
  ["notes", "Views, lessons"],
  ["proposals", "Proposals"],
] as const;

export default function Research({ route }: { route: Route }): ReactNode {
  const run = route.query.get("run") ?? "";
  const part = route.rest;
  if (part === "case") return <OneCase id={route.query.get("id") ?? ""} />;
  return (
    <>
      <div className="title">
        <h1>Research</h1>
        <RunChoice view="research" rest={part} run={run} />
      </div>
      <Tabs view="research" label="Parts of Research" tabs={PARTS} current={part} query={{ run }} />
      {part === "" ? (
        <Cases run={run} />
      ) : part === "calibration" ? (
        <Calibration run={run} />
      ) : part === "cost" ? (
        <Cost run={run} />
      ) : part === "notes" ? (
        <Notes run={run} />
      ) : part === "proposals" ? (
        <Proposals run={run} />
      ) : (
        <Empty>There is no such part.</Empty>
      )}
    </>
  );
}

function Whole({ run }: { run: string }): ReactNode {
  const remote = useRemote(asking("api/research", { run }), ["research", "engine"]);
  const body = record(remote.body);
  const roles = Object.entries(record(body.roles));
  const [verdicts, effects] = [numbers(body.verdicts), numbers(body.effects)];
  const rate = record(body.go_rate);
  const today = record(body.today);
  const off = roles.every(([, mode]) => text(mode) === "off");
  const waiting = number(body.proposals) ?? 0;
  const alarm = text(rate.alarm);
  return (
    <Waiting of={remote}>
      {off && <p className="faint">Every role is off in this run: research.researcher, analyst, critic and planner turn them on.</p>}
      {alarm !== "" && (
        <p className="failed" role="status" id="go-alarm">
          <span aria-hidden="true">▲ </span>
          <Text value={alarm} most={200} />
        </p>
      )}
      <dl className="tiles small" data-figures="research">
        {roles.map(([name, mode]) => (
          <Tile key={name} name={words(name)}>
            <Chip tone={text(mode) === "veto" ? "busy" : text(mode) === "off" ? "calm" : "good"}>
              <Text value={text(mode)} most={20} />
            </Chip>
          </Tile>
        ))}
        <Tile name="Asked" note={<Text value={`${text(body.arm)}, ${text(body.answers)}`} most={60} />}>
          <Text value={text(body.provider) === "rules" || text(body.arm) === "rules" ? "rules" : text(body.model)} most={40} />
        </Tile>
        <Tile name="Cases" note={`${count(verdicts.ABSTAIN ?? 0)} without a verdict`}>
          {count(number(body.cases))}
        </Tile>
        <Tile name="Refused, shrunk">
          {count(effects.VETO ?? 0)}, {count(effects.SHRINK ?? 0)}
        </Tile>
        <Tile name="GO" note={`of the last ${count(number(rate.judging))} verdicts`}>
          {percent(number(rate.share))}
        </Tile>
        <Tile name="Today US$" note={`${count(number(today.sent))} questions${(number(today.unpriced) ?? 0) > 0 ? `, ${count(number(today.unpriced))} of unknown price` : ""}`}>
          {usd(number(today.usd))}
        </Tile>
        <Tile name="Proposals">
          {waiting > 0 ? <a href={to("research", "proposals", { run })}>{count(waiting)} to decide</a> : "none to decide"}
        </Tile>
      </dl>
    </Waiting>
  );
}

const VERDICTS = ["", "GO", "NO_GO", "ABSTAIN"];
const EFFECTS = ["", "NONE", "VETO", "SHRINK"];

function Cases({ run }: { run: string }): ReactNode {
  const [symbol, field] = useSymbol();
  const [verdict, setVerdict] = useState("");
  const [effect, setEffect] = useState("");
  const pages = usePages("api/research/cases", { run, symbol, verdict, effect, limit: "100" }, ["research"]);
  const now = useNow(5000);
  return (
    <>
      <Whole run={run} />
      <Card
        title="Cases, the newest first"
        extra={
          <span className="bar filters">
            {field}
            <Choice name="Verdict" of={VERDICTS} value={verdict} change={setVerdict} />
            <Choice name="Effect" of={EFFECTS} value={effect} change={setEffect} />
          </span>
        }
      >
        <Waiting of={pages.remote}>
          <Table
            label="Cases"
            rows={items(pages.remote.body)}
            id={(row, at) => text(row.id) || at}
            none={symbol + verdict + effect === "" ? "Research has judged no candidate yet." : "There is no such case."}
            columns={[
              { name: "At", cell: (row) => <Time at={text(row.at) || null} now={now} /> },
              { name: "Symbol", cell: (row) => <SymbolLink name={text(row.symbol)} /> },
              { name: "Side", cell: (row) => <Side side={text(row.direction)} /> },
              { name: "Verdict", cell: (row) => <Said row={row} /> },
              { name: "p win", number: true, cell: (row) => percent(number(row.p_win)) },
              { name: "Effect", cell: (row) => <Effect row={row} /> },
              { name: "Why", long: true, cell: (row) => <Text value={text(row.reason)} most={160} /> },
              { name: "By", cell: (row) => <Source row={row} /> },
              { name: "The market then", cell: (row) => <Came row={row} /> },
              { name: "R", number: true, cell: (row) => plain(number(row.r)) },
              {
                name: "",
                cell: (row) => (
                  <a href={to("research", "case", { id: text(row.id) })} data-case={text(row.id)}>
                    open
                  </a>
                ),
              },
            ]}
          />
          <Pager of={pages} />
        </Waiting>
      </Card>
    </>
  );
}

function Choice({ name, of, value, change }: { name: string; of: readonly string[]; value: string; change: (value: string) => void }): ReactNode {
  return (
    <label>
      {name}{" "}
      <select aria-label={name} value={value} onChange={(event) => change(event.target.value)}>
        {of.map((one) => (
          <option key={one} value={one}>
            {one === "" ? "all" : words(one)}
          </option>
        ))}
      </select>
    </label>
  );
}
