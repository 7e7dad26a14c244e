/** Whether what was said came true, and what saying it cost. */

import { type ReactNode, useState } from "react";
import { count, duration, percent, plain, words } from "../format";
import { asking } from "../live/api";
import { useNow, useRemote } from "../live/session";
import { Card, Chip, Empty, Signed, Table, Text, Tile, Time, Waiting } from "../parts/basic";
import { Pager, usePages } from "../parts/pages";
import { type Point, Reliability } from "../parts/reliability";
import { Source } from "../parts/research";
import { to } from "../route";
import { type Plain, items, list, number, record, text } from "../wire";

/** Dollars with as many digits as small amounts need. */
export function usd(value: number | null): string {
  return plain(value, value !== null && Math.abs(value) < 1 ? 5 : 2);
}

const GROUPS = ["model", "prompts", "regime", "arm", "source"];

export function Calibration({ run }: { run: string }): ReactNode {
  const remote = useRemote(asking("api/research/calibration", { run }), [], 30_000);
  const body = record(remote.body);
  const all = record(body.all);
  const bins = list(body.bins).map(record).map(point).filter((one): one is Point => one !== null);
  const left = record(body.contaminated);
  const where = run !== "" ? "this run" : body.simulated === true ? "all runs over simulated markets" : "all runs over real markets";
  return (
    <Waiting of={remote}>
      <p className="faint">
        Of {where}: {count(number(body.scored))} cases with a probability whose end is known.
        {number(left.cases) !== null && ` ${count(number(left.cases))} more are left out: the model may know them by heart (Brier ${plain(number(left.brier), 4)}).`}
      </p>
      {number(all.cases) === 0 ? (
        <Empty>No case with a probability has ended yet.</Empty>
      ) : (
        <>
          <Measures of={all} />
          <div className="split">
            <Card title="Said, and what came">
              <Reliability points={bins} base={number(all.base)} label={`Reliability of ${count(number(all.cases))} cases: ${bins.map((one) => `${percent(one.said)} said, ${percent(one.came)} came in ${one.cases}`).join("; ")}`} />
            </Card>
            <Card title="The same in numbers">
              <Table
                label="Reliability"
                rows={list(body.bins).map(record).filter((row) => (number(row.cases) ?? 0) > 0)}
                id={(row, at) => number(row.low) ?? at}
                none="No case."
                columns={[
                  { name: "Said", cell: (row) => `${plain((number(row.low) ?? 0) * 100, 0)} to ${plain((number(row.high) ?? 0) * 100, 0)} %` },
                  { name: "Cases", number: true, cell: (row) => count(number(row.cases)) },
                  { name: "Mean said", number: true, cell: (row) => percent(number(row.said)) },
                  { name: "Won", number: true, cell: (row) => percent(number(row.share)) },
                  { name: "95 %", number: true, cell: (row) => `${percent(number(row.share_low))} to ${percent(number(row.share_high))}` },
                ]}
              />
            </Card>
          </div>
          <By of={record(body.by)} />
          <Judges of={body} />
        </>
      )}
    </Waiting>
  );
}

function point(row: Plain): Point | null {
  const [said, came, cases] = [number(row.said), number(row.share), number(row.cases)];
  if (said === null || came === null || cases === null || cases === 0) return null;
  return { said, came, cases, low: number(row.share_low) ?? came, high: number(row.share_high) ?? came };
}

function Measures({ of }: { of: Plain }): ReactNode {
  const [skill, low, high] = [number(of.skill), number(of.skill_low), number(of.skill_high)];
  return (
    <dl className="tiles small" data-figures="calibration">
      <Tile name="Cases" note={of.few === true ? "so few say little" : `${count(number(of.won))} won`}>
        {count(number(of.cases))}
      </Tile>
      <Tile name="Won" note={`said on average: ${percent(number(of.said))}`}>
        {percent(number(of.base))}
      </Tile>
      <Tile name="Brier score" note={`the base rate alone: ${plain(number(of.reference), 4)}`}>
        {plain(number(of.brier), 4)}
      </Tile>
      <Tile name="Skill" note={low === null ? "too few for an interval" : `95 %: ${plain(low, 3)} to ${plain(high, 3)}`}>
        <Signed value={skill} shown={plain(skill, 3)} />
      </Tile>
      <Tile name="ECE" note="mean distance of said and come">
        {plain(number(of.ece), 4)}
      </Tile>
      <Tile name="Log loss">{plain(number(of.log_loss), 4)}</Tile>
    </dl>
  );
}

function By({ of }: { of: Plain }): ReactNode {
  const [by, setBy] = useState("model");
  return (
    <Card title="By" extra={<Choices label="By what" of={GROUPS} chosen={by} choose={setBy} />}>
      <Table
        label={`By ${by}`}
        rows={list(of[by]).map(record)}
        id={(row, at) => text(row.name) || at}
        none="No case."
        columns={[
          { name: words(by), cell: (row) => <Text value={text(row.name)} most={60} /> },
          { name: "Cases", number: true, cell: (row) => count(number(row.cases)) },
          { name: "Won", number: true, cell: (row) => percent(number(row.base)) },
          { name: "Said", number: true, cell: (row) => percent(number(row.said)) },
          { name: "Brier", number: true, cell: (row) => plain(number(row.brier), 4) },
          { name: "Skill", number: true, cell: (row) => <Signed value={number(row.skill)} shown={plain(number(row.skill), 3)} /> },
          { name: "ECE", number: true, cell: (row) => plain(number(row.ece), 4) },
          { name: "", cell: (row) => (row.few === true ? <span className="faint">few</span> : null) },
        ]}
      />
    </Card>
  );
}

function Judges({ of }: { of: Plain }): ReactNode {
  const after = number(record(of.conventions).calibrated_after);
  return (
    <div className="split">
      <Card title="Has it earned a say in the size?">
        <Table
          label="Judges"
          rows={list(of.judges).map(record)}
          id={(_, at) => at}
          none="Nobody has judged yet."
          columns={[
            { name: "Judge", long: true, cell: (row) => <Text value={[row.model, row.arm, row.prompts].map(text).filter((one) => one !== "").join(" · ")} most={120} /> },
            { name: "Cases", number: true, cell: (row) => `${count(number(row.cases))} of ${count(after)}` },
            { name: "Skill", number: true, cell: (row) => plain(number(row.skill), 3) },
            { name: "", cell: (row) => <Chip tone={row.earned === true ? "good" : "calm"}>{row.earned === true ? "earned" : "not yet"}</Chip> },
          ]}
        />
      </Card>
      <Card title="Arms on the same candidates, mean R">
        <Table
          label="Arms"
          rows={list(of.arms).map(record)}
          id={(_, at) => at}
          none="Only one arm has judged."
          columns={[
            { name: "Arm", cell: (row) => <Text value={text(row.second)} most={40} /> },
            { name: "Against", cell: (row) => <Text value={text(row.first)} most={40} /> },
            { name: "Pairs", number: true, cell: (row) => count(number(row.pairs)) },
            { name: "R", number: true, cell: (row) => plain(number(row.second_r), 3) },
            { name: "Against R", number: true, cell: (row) => plain(number(row.first_r), 3) },
            { name: "Difference", number: true, cell: (row) => <Signed value={number(row.difference)} shown={plain(number(row.difference), 3)} /> },
            { name: "p", number: true, cell: (row) => plain(number(row.p_difference), 3) },
          ]}
        />
      </Card>
    </div>
  );
}

// -- cost -----------------------------------------------------------------------------------------------

const BY = ["model", "role", "symbol", "day", "outcome", "source", "prompt"];

export function Cost({ run }: { run: string }): ReactNode {
  const [by, setBy] = useState("model");
  const remote = useRemote(asking("api/research/costs", { run, by }), ["research"]);
  return (
    <>
      <Card title="Cost of the run" extra={<Choices label="By what" of={BY} chosen={by} choose={setBy} />}>
        <Waiting of={remote}>
          <Table
            label={`Cost by ${by}`}
            rows={items(remote.body)}
            id={(row, at) => text(row.name) || at}
            none="Nobody was asked in this run."
            columns={[
              { name: words(by), cell: (row) => <Text value={text(row.name)} most={60} /> },
              { name: "US$", number: true, cell: (row) => usd(number(row.usd)) },
              { name: "Questions", number: true, cell: (row) => count(number(row.questions)) },
              { name: "Sent", number: true, cell: (row) => count(number(row.sent)) },
              { name: "Failed", number: true, cell: (row) => count(number(row.failed)) },
              { name: "Price unknown", number: true, cell: (row) => count(number(row.unpriced)) },
              { name: "Tokens in", number: true, cell: (row) => count(number(row.prompt_tokens)) },
              { name: "Tokens out", number: true, cell: (row) => count(number(row.completion_tokens)) },
              { name: "Waited", number: true, cell: (row) => duration((number(row.seconds) ?? 0) * 1000) },
            ]}
          />
        </Waiting>
      </Card>
      <Questions run={run} />
    </>
  );
}

function Questions({ run }: { run: string }): ReactNode {
  const pages = usePages("api/research/calls", { run, limit: "100" }, ["research"]);
  const now = useNow(5000);
  return (
    <Card title="Questions, the newest first">
      <Waiting of={pages.remote}>
        <Table
          label="Questions"
          rows={items(pages.remote.body)}
          id={(row, at) => text(row.id) || at}
          none="Nobody was asked."
          columns={[
            { name: "At", cell: (row) => <Time at={text(row.at) || null} now={now} /> },
            { name: "Role", cell: (row) => <Text value={words(text(row.role))} most={20} /> },
            { name: "About", cell: (row) => <Text value={text(row.subject) || "the book"} most={24} /> },
            { name: "Outcome", cell: (row) => <Chip tone={text(row.outcome) === "OK" ? "good" : "bad"}><Text value={text(row.outcome)} most={40} /></Chip> },
            { name: "By", cell: (row) => <Source row={row} /> },
            { name: "Model", cell: (row) => <Text value={text(row.model)} most={40} /> },
            { name: "US$", number: true, cell: (row) => usd(number(row.cost_usd)) },
            { name: "Took ms", number: true, cell: (row) => count(number(row.latency)) },
            { name: "", cell: (row) => (text(row.case_id) === "" ? null : <a href={to("research", "case", { id: text(row.case_id) })}>case</a>) },
          ]}
        />
        <Pager of={pages} />
      </Waiting>
    </Card>
  );
}

function Choices({ label, of, chosen, choose }: { label: string; of: readonly string[]; chosen: string; choose: (name: string) => void }): ReactNode {
  return (
    <div className="choices" role="group" aria-label={label}>
      {of.map((one) => (
        <button key={one} type="button" aria-pressed={chosen === one} onClick={() => choose(one)}>
          {words(one)}
        </button>
      ))}
    </div>
  );
}
