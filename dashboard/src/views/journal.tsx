/** What was written down: days, the reasons of candidates with what became of them, and closes. */

import { type ReactNode, useId, useMemo, useState } from "react";
import { count, duration, millis, money, percent, plain, price, quantity } from "../format";
import { live, useLive, useNow } from "../live/session";
import { Card, Chip, Empty, Side, Signed, Table, Text, Time, Waiting } from "../parts/basic";
import { Pager, usePages } from "../parts/pages";
import { Amounts } from "../parts/plot";
import { to } from "../route";
import { type Plain, items, list, number, record, text } from "../wire";

interface Part {
  run: string;
  currency: string;
}

export function Days({ run, currency }: Part): ReactNode {
  const pages = usePages("api/journal/daily", { run, limit: "100" });
  const rows = items(pages.remote.body);
  const amounts = [...rows].reverse().map((row) => ({ name: text(row.date).slice(0, 10), value: number(row.net) ?? 0 }));
  const net = amounts.reduce((sum, one) => sum + one.value, 0);
  const up = amounts.filter((one) => one.value > 0).length;
  const down = amounts.filter((one) => one.value < 0).length;
  return (
    <Waiting of={pages.remote}>
      {rows.length === 0 ? (
        <Empty>No day has been traded yet.</Empty>
      ) : (
        <>
          <Card title={`Net of each day ${currency}`}>
            <Amounts rows={amounts} label={`Net of ${amounts.length} days: ${up} won, ${down} lost, together ${money(net, true)} ${currency}`} shown={(value) => money(value, true)} />
          </Card>
          <Card title="Days, by UTC">
            <Table
              label="Days"
              rows={rows}
              id={(row, at) => text(row.date) || at}
              none="No day has been traded yet."
              columns={[
                { name: "Day", cell: (row) => <Text value={text(row.date)} most={12} /> },
                { name: "Round trips", number: true, cell: (row) => count(number(row.trades)) },
                { name: "Won", number: true, cell: (row) => count(number(row.wins)) },
                { name: "Lost", number: true, cell: (row) => count(number(row.losses)) },
                { name: `Net ${currency}`, number: true, cell: (row) => <Signed value={number(row.net)} shown={money(number(row.net), true)} /> },
                { name: "R", number: true, cell: (row) => <Signed value={number(row.r)} shown={plain(number(row.r))} /> },
                { name: "Commission", number: true, cell: (row) => money(number(row.commission)) },
                { name: "Equity", number: true, cell: (row) => money(number(row.equity)) },
                { name: "Drawdown", number: true, cell: (row) => percent(number(row.drawdown)) },
              ]}
            />
            <Pager of={pages} />
          </Card>
        </>
      )}
    </Waiting>
  );
}

export function Reasons({ run, currency }: Part): ReactNode {
  const [symbol, field] = useSymbol();
  const pages = usePages("api/journal/confluence", { run, symbol, limit: "100" });
  const now = useNow(5000);
  return (
    <>
      <Card title="What round trips came to by reason">
        <Waiting of={pages.remote}>
          <Tally of={record(record(pages.remote.body).factors)} name="Reason" currency={currency} />
        </Waiting>
      </Card>
      <Card title="Candidates and what became of them" extra={field}>
        <Waiting of={pages.remote}>
          <Table
            label="Candidates"
            rows={items(pages.remote.body)}
            id={(row, at) => text(row.id) || at}
            none={symbol === "" ? "No strategy has wished to enter yet." : "This symbol had no candidate."}
            columns={[
              { name: "At", cell: (row) => <Time at={text(row.at) || null} now={now} /> },
              { name: "Symbol", cell: (row) => <SymbolLink name={text(row.symbol)} /> },
              { name: "Side", cell: (row) => <Side side={text(row.direction)} /> },
              { name: "Score", number: true, cell: (row) => plain(number(row.score)) },
              { name: "Probability", number: true, cell: (row) => percent(number(row.probability)) },
              { name: "Price", number: true, cell: (row) => price(number(row.price)) },
              { name: "Reasons", long: true, cell: (row) => <Text value={list(row.reasons).map(text).join(", ")} most={200} /> },
              { name: "Fate", cell: (row) => <Fate row={row} /> },
              { name: "", cell: (row) => <StoryLink id={text(row.correlation_id) || text(row.id)} /> },
            ]}
          />
          <Pager of={pages} />
        </Waiting>
      </Card>
    </>
  );
}

function Fate({ row }: { row: Plain }): ReactNode {
  const denied = text(row.answer) === "DENIED";
  const status = text(row.status);
  const filled = status === "FILLED";
  if (text(row.answer) === "") return <Chip tone="busy">waiting for the gate</Chip>;
  return (
    <Chip tone={denied ? "warn" : filled ? "good" : "busy"}>
      <Text value={denied ? `denied ${text(row.code)}` : status.replaceAll("_", " ").toLowerCase()} most={40} />
      {denied && number(row.value) !== null && (
        <span className="faint">
          {" "}
          {plain(number(row.value), 4)} of {plain(number(row.threshold), 4)}
        </span>
      )}
    </Chip>
  );
}

export function Closes({ run, currency }: Part): ReactNode {
  const [symbol, field] = useSymbol();
  const pages = usePages("api/journal/trades", { run, symbol, limit: "100" }, ["trades"]);
  const now = useNow(5000);
  return (
    <Card title="Closes, the newest first" extra={field}>
      <Waiting of={pages.remote}>
        <Table
          label="Closes"
          rows={items(pages.remote.body)}
          id={(row, at) => text(row.fill_id) || at}
          none={symbol === "" ? "No trade has been closed yet." : "This symbol had no close."}
          columns={[
            { name: "Closed", cell: (row) => <Time at={text(row.closed_at) || null} now={now} /> },
            { name: "Symbol", cell: (row) => <SymbolLink name={text(row.symbol)} /> },
            { name: "Side", cell: (row) => <Side side={text(row.side)} /> },
            { name: "Quantity", number: true, cell: (row) => quantity(number(row.quantity)) },
            { name: "Entry", number: true, cell: (row) => price(number(row.entry)) },
            { name: "Exit", number: true, cell: (row) => price(number(row.exit)) },
            { name: `Net ${currency}`, number: true, cell: (row) => <Signed value={number(row.net)} shown={money(number(row.net), true)} /> },
            { name: "R", number: true, cell: (row) => <Signed value={number(row.r)} shown={plain(number(row.r))} /> },
            { name: "Why", cell: (row) => <Text value={text(row.reason) + (row.flat === false ? " (a part)" : "")} most={30} /> },
            { name: "Held", number: true, cell: (row) => heldFor(row) },
            { name: "Session", cell: (row) => <Text value={text(row.session)} most={20} /> },
            { name: "Entered for", cell: (row) => <Text value={list(row.factors).map(text).join(", ")} most={60} /> },
            { name: "", cell: (row) => <StoryLink id={text(row.correlation_id)} /> },
          ]}
        />
        <Pager of={pages} />
      </Waiting>
    </Card>
  );
}

function heldFor(row: Plain): string {
  const [opened, closed] = [millis(text(row.opened_at)), millis(text(row.closed_at))];
  return duration(opened === null || closed === null ? null : closed - opened);
}

const ROWS = 100;

/** Sums over round trips, one row for each name, the best first. */
export function Tally({ of, name, currency }: { of: Plain; name: string; currency: string }): ReactNode {
  const rows = useMemo(
    () =>
      Object.entries(of)
        .map(([key, value]) => ({ key, sums: record(value) }))
        .sort((a, b) => (number(b.sums.net_profit) ?? 0) - (number(a.sums.net_profit) ?? 0)),
    [of],
  );
  const shown = rows.length > ROWS ? [...rows.slice(0, ROWS / 2), ...rows.slice(-ROWS / 2)] : rows;
  return (
    <>
      <Table
        label={`By ${name.toLowerCase()}`}
        rows={shown}
        id={(row) => row.key}
        none="No round trip has ended yet."
        columns={[
          { name, cell: (row) => <Text value={row.key || "(none)"} most={60} /> },
          { name: "Round trips", number: true, cell: ({ sums }) => count(number(sums.trades)) },
          { name: "Won", number: true, cell: ({ sums }) => percent(number(sums.win_rate)) },
          { name: `Net ${currency}`, number: true, cell: ({ sums }) => <Signed value={number(sums.net_profit)} shown={money(number(sums.net_profit), true)} /> },
          { name: "Profit factor", number: true, cell: ({ sums }) => plain(number(sums.profit_factor)) },
          { name: "Win over loss", number: true, cell: ({ sums }) => plain(number(sums.payoff_ratio)) },
          { name: `Expected ${currency}`, number: true, cell: ({ sums }) => <Signed value={number(sums.expectancy)} shown={money(number(sums.expectancy), true)} /> },
          { name: "Expected R", number: true, cell: ({ sums }) => <Signed value={number(sums.expectancy_r)} shown={plain(number(sums.expectancy_r))} /> },
        ]}
      />
      {rows.length > ROWS && <p className="faint">The best and the worst {ROWS / 2} of {count(rows.length)}.</p>}
    </>
  );
}

export function SymbolLink({ name }: { name: string }): ReactNode {
  return (
    <a href={to("symbols", name)}>
      <Text value={name} most={24} />
    </a>
  );
}

function StoryLink({ id }: { id: string }): ReactNode {
  return id === "" ? null : <a href={to("events", id)}>story</a>;
}

/** A field for one symbol, as it is called or in other letters; what it says holds when one leaves it or presses Enter. */
export function useSymbol(): [string, ReactNode] {
  const id = useId();
  const size = useLive((state) => state.symbols.size);
  const [typed, setTyped] = useState("");
  const [symbol, setSymbol] = useState("");
  const names = useMemo(() => [...live.get().symbols.keys()].slice(0, 2000), [size]);
  const take = (): void => {
    const wanted = typed.trim();
    setSymbol(live.get().symbols.has(wanted) ? wanted : (names.find((one) => one.toUpperCase() === wanted.toUpperCase()) ?? wanted));
  };
  return [
    symbol,
    <form
      key="symbol"
      className="only"
      onSubmit={(event) => {
        event.preventDefault();
        take();
      }}
    >
      <input data-filter type="search" list={id} placeholder="Only this symbol" aria-label="Only this symbol" value={typed} maxLength={200} onChange={(event) => setTyped(event.target.value)} onBlur={take} />
      <datalist id={id}>
        {names.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </form>,
  ];
}
