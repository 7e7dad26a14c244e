/** One case: what was known, what both sides made of it, the verdict, every question, and what came of it. */

import type { ReactNode } from "react";
import { count, money, percent, plain, price, quantity, words } from "../format";
import { path } from "../live/api";
import { useNow, useRemote } from "../live/session";
import { Card, Chip, Empty, Side, Signed, Table, Text, Tile, Time, Waiting } from "../parts/basic";
import { Came, Effect, Said, Source } from "../parts/research";
import { to } from "../route";
import { type Plain, list, number, record, text } from "../wire";
import { SymbolLink } from "./journal";
import { usd } from "./researchfigures";

/** Of a text of a model or of a prompt so much is shown. */
const MOST = 40_000;

export function OneCase({ id }: { id: string }): ReactNode {
  const remote = useRemote(id === "" ? null : path`api/research/cases/${id}`, ["research"]);
  const row = record(remote.body);
  return (
    <>
      <div className="title">
        <h1>One case</h1>
        <a href={to("research")}>All cases</a>
        {text(row.id) !== "" && <a href={to("events", text(row.id))}>Its story in events</a>}
      </div>
      {id === "" ? (
        <Empty>Which one? Open it from the list.</Empty>
      ) : (
        <Waiting of={remote}>
          <Verdict row={row} />
          <Facts of={list(row.facts).map(record)} cited={list(row.evidence).map(text)} />
          <div className="split" data-sides>
            {["bull", "bear"].map((side) => (
              <Argued key={side} side={side} of={list(row.arguments).map(record).find((one) => text(one.side) === side)} />
            ))}
          </div>
          <Calls of={list(row.calls).map(record)} />
          <Became row={row} />
        </Waiting>
      )}
    </>
  );
}

function Verdict({ row }: { row: Plain }): ReactNode {
  const now = useNow(5000);
  const reason = text(row.reason);
  return (
    <Card title="Verdict" extra={<Time at={text(row.at) || null} now={now} />}>
      <p className="big" data-verdict={text(row.verdict)}>
        <Side side={text(row.direction)} /> <SymbolLink name={text(row.symbol)} /> <Said row={row} /> <Effect row={row} />
      </p>
      {reason !== "" && (
        <p>
          <Text value={reason} most={1000} />
        </p>
      )}
      <dl className="tiles small">
        <Tile name="p win" note={`target before stop in ${count(number(row.horizon))} bars`}>
          {percent(number(row.p_win))}
        </Tile>
        <Tile name="Size factor said">{plain(number(row.size_factor))}</Tile>
        <Tile name="Disagreement">{percent(number(row.disagreement))}</Tile>
        <Tile name="By" note={<Text value={[row.model, row.arm].map(text).filter((one) => one !== "").join(", ")} most={60} />}>
          <Source row={row} />
        </Tile>
        <Tile name="Mode" note={row.masked === true ? "names and dates were hidden" : undefined}>
          <Text value={text(row.mode)} most={20} />
        </Tile>
        <Tile name="Strategy" note={`score ${plain(number(row.score))}, regime ${words(text(row.regime) || "none")}`}>
          <Text value={text(row.strategy)} most={40} />
        </Tile>
        <Tile name="Price" note={`stop ${distance(row.stop)}, target ${distance(row.target)} away`}>
          {price(number(row.price))}
        </Tile>
        <Tile name="The market then" note={text(row.touched) === "" ? undefined : `${plain(number(row.r))} R, from ${plain(number(row.worst))} to ${plain(number(row.best))}`}>
          <Came row={row} />
        </Tile>
      </dl>
      {row.contaminated === true && <p className="down">▲ The model may know by heart what came after: left out of calibration.</p>}
    </Card>
  );
}

function distance(value: unknown): string {
  const found = number(value);
  return found === null || found === 0 ? "none" : price(found);
}

function Facts({ of, cited }: { of: readonly Plain[]; cited: readonly string[] }): ReactNode {
  return (
    <Card title="Facts">
      <Table
        label="Facts"
        rows={of}
        id={(row, at) => text(row.id) || at}
        none="No facts."
        columns={[
          { name: "", cell: (row) => <Text value={text(row.id)} most={8} /> },
          { name: "What is known", long: true, cell: (row) => <Text value={text(row.text)} most={300} /> },
          { name: "Leans", cell: (row) => <Leans value={number(row.lean)} /> },
          { name: "Weight", number: true, cell: (row) => plain(number(row.weight)) },
          { name: "Cited", cell: (row) => (cited.includes(text(row.id)) ? <Chip tone="good">by the judge</Chip> : null) },
        ]}
      />
    </Card>
  );
}

function Leans({ value }: { value: number | null }): ReactNode {
  if (value === null || value === 0) return <span className="faint">–</span>;
  return <span className={value > 0 ? "up" : "down"}>{`${value > 0 ? "▲ up" : "▼ down"} ${plain(Math.abs(value))}`}</span>;
}

function Argued({ side, of }: { side: string; of: Plain | undefined }): ReactNode {
  const title = side === "bull" ? "▲ The bull" : "▼ The bear";
  if (of === undefined)
    return (
      <Card title={title}>
        <Empty>Nobody argued this side.</Empty>
      </Card>
    );
  const strength = number(of.strength);
  return (
    <Card title={title} extra={<Source row={of} />}>
      <svg className="meter good" aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none">
        <rect className="track" width="100" height="8" />
        <rect className={side === "bull" ? "long" : "short"} width={100 * Math.min(Math.max(strength ?? 0, 0), 1)} height="8" />
      </svg>
      <p>
        Strength {percent(strength)}
        {text(of.code) !== "OK" && (
          <span className="down">
            {" "}
            <Text value={words(text(of.code))} most={40} />
          </span>
        )}
      </p>
      <ul className="claims">
        {list(of.claims)
          .map(record)
          .map((one, at) => (
            <li key={at}>
              <b>
                <Text value={text(one.evidence)} most={8} />
              </b>{" "}
              <Text value={text(one.says)} most={300} />
            </li>
          ))}
      </ul>
    </Card>
  );
}

function Calls({ of }: { of: readonly Plain[] }): ReactNode {
  const cost = of.reduce((sum, one) => sum + (number(one.cost_usd) ?? 0), 0);
  return (
    <Card title="Questions" extra={<span className="faint">{usd(cost)} US$ together</span>}>
      {of.length === 0 && <Empty>Nobody was asked.</Empty>}
      {of.map((one, at) => (
        <details key={text(one.id) || at} className="call" data-role={text(one.role)}>
          <summary>
            <b>
              <Text value={words(text(one.role))} most={20} />
            </b>{" "}
            <Chip tone={text(one.outcome) === "OK" ? "good" : "bad"}>
              <Text value={text(one.outcome)} most={40} />
            </Chip>{" "}
            <Source row={one} /> · {count(number(one.latency))} ms · {tokens(one)} · {usd(number(one.cost_usd))} US$
          </summary>
          {text(one.detail) !== "" && (
            <p className="down">
              <Text value={text(one.detail)} most={500} />
            </p>
          )}
          {list(record(one.request).messages)
            .map(record)
            .map((said, n) => (
              <Whole key={n} name={text(said.role)} value={text(said.content)} />
            ))}
          <Whole name="answer" value={text(one.answer)} />
        </details>
      ))}
    </Card>
  );
}

function tokens(call: Plain): string {
  const usage = record(call.usage);
  if (usage.prompt === undefined) return "no tokens";
  return `${count(number(usage.prompt))} + ${count(number(usage.completion))} tokens${usage.estimated === true ? " (estimated)" : ""}`;
}

/** A long text as it was sent or came, its lines kept. */
function Whole({ name, value }: { name: string; value: string }): ReactNode {
  if (value === "") return null;
  return (
    <div className="spoken">
      <small>
        <Text value={words(name)} most={20} />
      </small>
      <div className="said">
        <Text value={value} most={MOST} />
      </div>
    </div>
  );
}

function Became({ row }: { row: Plain }): ReactNode {
  const now = useNow(5000);
  const orders = list(row.orders).map(record);
  const trades = list(row.trades).map(record);
  const review = record(row.review);
  return (
    <div className="split">
      <Card title="Orders and closes">
        <Table
          label="Orders"
          rows={orders}
          id={(one, at) => text(one.id) || at}
          none={text(row.effect) === "VETO" ? "None: it was refused." : "None."}
          columns={[
            { name: "At", cell: (one) => <Time at={text(one.at) || null} now={now} /> },
            { name: "For", cell: (one) => <Text value={words(text(one.purpose))} most={20} /> },
            { name: "Side", cell: (one) => <Side side={text(one.side)} /> },
            { name: "Quantity", number: true, cell: (one) => quantity(number(one.quantity)) },
            { name: "Status", cell: (one) => <Text value={words(text(one.status)) + (text(one.code) === "" ? "" : ` ${text(one.code)}`)} most={60} /> },
          ]}
        />
        {trades.length > 0 && (
          <Table
            label="Closes"
            rows={trades}
            id={(one, at) => text(one.fill_id) || at}
            none=""
            columns={[
              { name: "Closed", cell: (one) => <Time at={text(one.closed_at) || null} now={now} /> },
              { name: "Net", number: true, cell: (one) => <Signed value={number(one.net)} shown={money(number(one.net), true)} /> },
              { name: "R", number: true, cell: (one) => <Signed value={number(one.r)} shown={plain(number(one.r))} /> },
              { name: "Why", cell: (one) => <Text value={words(text(one.reason))} most={30} /> },
            ]}
          />
        )}
      </Card>
      <Card title="The critic">
        {review.score === undefined ? (
          <Empty>Not reviewed.</Empty>
        ) : (
          <>
            <p className="big">{plain(number(review.score))} of 10 for how it was done</p>
            <p>
              <b>Lesson:</b> <Text value={text(review.lesson)} most={500} />
            </p>
            <p className="faint">
              <Text value={text(review.analysis)} most={1000} />
            </p>
          </>
        )}
      </Card>
    </div>
  );
}
