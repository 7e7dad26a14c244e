/** What the analyst thinks, what the critic learned, what was read, and what the planner proposes. */

import { type ReactNode, useState } from "react";
import { percent, plain, visible, words } from "../format";
import { path } from "../live/api";
import { useNow, useOperator } from "../live/session";
import { Card, Chip, Empty, Signed, Table, Text, Time, Waiting } from "../parts/basic";
import { Ask, type Command } from "../parts/dialog";
import { Pager, usePages } from "../parts/pages";
import { Source } from "../parts/research";
import { to } from "../route";
import { type Plain, items, list, number, record, text } from "../wire";

interface Part {
  run: string;
}

export function Notes({ run }: Part): ReactNode {
  return (
    <>
      <Views run={run} />
      <Lessons run={run} />
      <Headlines run={run} />
    </>
  );
}

function Views({ run }: Part): ReactNode {
  const pages = usePages("api/research/views", { run, limit: "50" }, ["research"]);
  const now = useNow(5000);
  return (
    <Card title="What the analyst thinks, the newest first">
      <Waiting of={pages.remote}>
        <Table
          label="Views"
          rows={items(pages.remote.body)}
          id={(row, at) => `${text(row.symbol)} ${text(row.at)}` || at}
          none="The analyst has said nothing in this run."
          columns={[
            { name: "At", cell: (row) => <Time at={text(row.at) || null} now={now} /> },
            { name: "Of", cell: (row) => <Text value={text(row.symbol) || "the book"} most={24} /> },
            { name: "Bias", cell: (row) => <Bias value={text(row.bias)} /> },
            { name: "Regime", cell: (row) => <Text value={words(text(row.regime))} most={24} /> },
            { name: "Risks", long: true, cell: (row) => <Text value={list(row.risks).map(text).map(words).join(", ") || "none"} most={120} /> },
            { name: "Until", cell: (row) => <Time at={text(row.valid_until) || null} now={now} /> },
            { name: "By", cell: (row) => <Source row={row} /> },
          ]}
        />
        <Pager of={pages} />
      </Waiting>
    </Card>
  );
}

function Bias({ value }: { value: string }): ReactNode {
  if (value === "BULLISH") return <span className="up">▲ Bullish</span>;
  if (value === "BEARISH") return <span className="down">▼ Bearish</span>;
  return <Text value={words(value)} most={20} />;
}

function Lessons({ run }: Part): ReactNode {
  const pages = usePages("api/research/reviews", { run, limit: "50" }, ["research"]);
  const now = useNow(5000);
  return (
    <Card title="Lessons of the critic, the newest first">
      <Waiting of={pages.remote}>
        <Table
          label="Lessons"
          rows={items(pages.remote.body)}
          id={(row, at) => text(row.id) || at}
          none="No trade has been reviewed in this run."
          columns={[
            { name: "Known", cell: (row) => <Time at={text(row.known_at) || null} now={now} /> },
            { name: "Symbol", cell: (row) => <Text value={text(row.symbol)} most={24} /> },
            { name: "Trade", cell: (row) => (row.taken === true ? "taken" : "refused") },
            { name: "Done", number: true, cell: (row) => `${plain(number(row.score))} of 10` },
            { name: "R", number: true, cell: (row) => <Signed value={number(row.r)} shown={plain(number(row.r))} /> },
            { name: "Lesson", long: true, cell: (row) => <Text value={text(row.lesson)} most={240} /> },
            { name: "Why", long: true, cell: (row) => <Text value={text(row.analysis)} most={240} /> },
            { name: "By", cell: (row) => <Source row={row} /> },
            { name: "", cell: (row) => (text(row.case_id) === "" ? null : <a href={to("research", "case", { id: text(row.case_id) })}>case</a>) },
          ]}
        />
        <Pager of={pages} />
      </Waiting>
    </Card>
  );
}

function Headlines({ run }: Part): ReactNode {
  const pages = usePages("api/research/headlines", { run, limit: "50" }, []);
  const now = useNow(5000);
  return (
    <Card title="Headlines, and what the reader made of them">
      <Waiting of={pages.remote}>
        <Table
          label="Headlines"
          rows={items(pages.remote.body)}
          id={(row, at) => text(row.id) || at}
          none="No headlines in this run: research.news names where they come from."
          columns={[
            { name: "Published", cell: (row) => <Time at={text(row.published_at) || null} now={now} /> },
            { name: "From", cell: (row) => <Text value={text(row.source)} most={24} /> },
            { name: "Trust", number: true, cell: (row) => percent(number(row.trust)) },
            { name: "Headline", long: true, cell: (row) => <Text value={[row.title, row.summary].map(text).filter((one) => one !== "").join(" · ")} most={300} /> },
            { name: "For", cell: (row) => <Text value={list(row.currencies).map(text).join(", ")} most={40} /> },
            { name: "Sentiment", number: true, cell: (row) => <Signed value={number(row.sentiment)} shown={plain(number(row.sentiment))} /> },
            { name: "Relevance", number: true, cell: (row) => plain(number(row.relevance)) },
            { name: "About", cell: (row) => <Text value={words(text(row.category))} most={24} /> },
          ]}
        />
        <Pager of={pages} />
      </Waiting>
    </Card>
  );
}

// -- proposals ------------------------------------------------------------------------------------------

export function Proposals({ run }: Part): ReactNode {
  const pages = usePages("api/research/proposals", { run, limit: "50" }, ["research", "engine"]);
  const operator = useOperator();
  const [asked, setAsked] = useState<Command | null>(null);
  const rows = items(pages.remote.body);
  return (
    <>
      <p className="faint">
        A running engine keeps its parameters. What is accepted holds for a run that is started with it, or for the next one by itself where <code>research.planner_apply</code> is next_run.
      </p>
      <Waiting of={pages.remote}>
        {rows.length === 0 && <Empty>The planner has proposed nothing yet.</Empty>}
        {rows.map((row) => (
          <Proposal key={text(row.id)} row={row} decide={operator ? (word) => setAsked(deciding(row, word)) : null} />
        ))}
        <Pager of={pages} />
      </Waiting>
      {asked !== null && (
        <Ask
          command={asked}
          close={() => {
            setAsked(null);
            pages.remote.again();
          }}
        />
      )}
    </>
  );
}

const TONES: Record<string, "busy" | "good" | "calm"> = { PROPOSED: "busy", ACCEPTED: "good", APPLIED: "good" };

function Proposal({ row, decide }: { row: Plain; decide: ((word: "accept" | "reject") => void) | null }): ReactNode {
  const now = useNow(5000);
  const state = text(row.state);
  const facts = list(row.facts).map(record);
  return (
    <Card
      title={`For ${visible(text(row.strategy), 60)}`}
      extra={
        <span data-proposal={text(row.id)} data-state={state}>
          <Chip tone={TONES[state] ?? "calm"}>
            <Text value={words(state)} most={20} />
          </Chip>{" "}
          <Time at={text(row.at) || null} now={now} />
        </span>
      }
    >
      <p>
        <Text value={text(row.reason)} most={500} /> <span className="faint">(<Source row={row} />)</span>
      </p>
      <Table
        label="Changes"
        rows={list(row.changes).map(record)}
        id={(one, at) => text(one.key) || at}
        none="It changes nothing."
        columns={[
          { name: "Parameter", cell: (one) => <Text value={text(one.key)} most={60} /> },
          { name: "Now", number: true, cell: (one) => plain(number(one.now), 6) },
          { name: "Proposed", number: true, cell: (one) => <b>{plain(number(one.proposed), 6)}</b> },
          { name: "Bounds", number: true, cell: (one) => `${plain(number(one.low), 6)} to ${plain(number(one.high), 6)}` },
          {
            name: "Because",
            long: true,
            cell: (one) => <Text value={because(one, facts)} most={300} />,
          },
        ]}
      />
      {text(row.who) !== "" && (
        <p className="faint">
          Decided by <Text value={text(row.who)} most={300} />, <Time at={text(row.decided_at) || null} now={now} />
        </p>
      )}
      {decide !== null && (state === "PROPOSED" || state === "ACCEPTED") && (
        <div className="buttons left">
          {state === "PROPOSED" && (
            <button type="button" className="primary" onClick={() => decide("accept")}>
              Accept…
            </button>
          )}
          <button type="button" onClick={() => decide("reject")}>
            Reject…
          </button>
        </div>
      )}
    </Card>
  );
}

function because(change: Plain, facts: readonly Plain[]): string {
  const cited = list(change.evidence).map(text);
  return facts
    .filter((one) => cited.includes(text(one.id)))
    .map((one) => text(one.text))
    .join("; ");
}

function deciding(row: Plain, word: "accept" | "reject"): Command {
  const changes = list(row.changes).map(record);
  return {
    address: path`api/research/proposals/${text(row.id)}/${word}`,
    title: `${words(word)} a proposal`,
    act: words(word),
    explain: (
      <ul>
        {changes.map((one, at) => (
          <li key={at}>
            <Text value={text(one.key)} most={60} />: {plain(number(one.now), 6)} → {plain(number(one.proposed), 6)}
          </li>
        ))}
      </ul>
    ),
  };
}
