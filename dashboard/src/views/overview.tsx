import { type ReactNode, useMemo } from "react";
import { count, money, percent, price, quantity, words } from "../format";
import type { State } from "../live/state";
import { working } from "../live/state";
import { useLive, useNow } from "../live/session";
import { Bars, Card, Chip, Empty, Side, Signed, Table, Text, Tile, Time } from "../parts/basic";
import { AlertList } from "../parts/alerts";
import { EquityCurve } from "../parts/equitycurve";
import { to } from "../route";

export default function Overview(): ReactNode {
  const account = useLive((state) => state.account);
  const positions = useLive((state) => state.positions.length);
  const orders = useLive((state) => state.orders);
  const cycle = useLive((state) => state.cycle);
  const cycleAt = useLive((state) => state.cycleAt);
  const trades = useLive((state) => state.trades);
  const open = useMemo(() => [...orders.values()].filter(working).length, [orders]);
  const now = useNow(5000);
  const currency = account?.currency ?? "";
  return (
    <>
      <h1 className="hidden">Overview</h1>
      <dl className="tiles">
        <Tile name={`Equity ${currency}`} note={`balance ${money(account?.balance ?? null)}`}>
          {money(account?.equity ?? null)}
        </Tile>
        <Tile name="Today" note={account?.dayPl != null && account.equity != null ? percent(account.dayPl / Math.max(account.equity - account.dayPl, 1e-9), true) : undefined}>
          <Signed value={account?.dayPl ?? null} shown={money(account?.dayPl ?? null, true)} />
        </Tile>
        <Tile name="Open profit" note={`${count(positions)} positions, ${count(open)} orders`}>
          <Signed value={account?.profit ?? null} shown={money(account?.profit ?? null, true)} />
        </Tile>
        <Tile name="Drawdown" note={`peak ${money(account?.peak ?? null)}`}>
          {percent(account?.drawdown ?? null)}
        </Tile>
        <Tile name="Cycle" note={<>of <Time at={cycleAt} now={now} /></>}>
          {count(cycle)}
        </Tile>
      </dl>
      <div className="split">
        <Card title="Equity and drawdown" className="broad">
          <EquityCurve currency={currency} />
        </Card>
        <EngineCard />
        <Card title="Exposure by currency">
          <Bars amounts={account?.byCurrency ?? {}} shown={(value) => money(Math.abs(value))} />
        </Card>
        <Card title="Exposure by venue">
          <Bars amounts={account?.byVenue ?? {}} shown={(value) => money(Math.abs(value))} />
        </Card>
        <Card title="Alerts" extra={<a href={to("events", "", { types: "ALERT,ERROR" })}>all</a>}>
          <AlertList most={8} />
        </Card>
        <Card title="What the agents say" extra={<a href={to("symbols")}>symbols</a>}>
          <Reasons />
        </Card>
        <Card title="Last trades" className="broad" extra={<a href={to("performance", "trades")}>all</a>}>
          <Table
            label="Last trades"
            rows={[...trades].reverse().slice(0, 10)}
            id={(_, at) => at}
            none="No trade has been closed yet."
            columns={[
              { name: "Closed", cell: (row) => <Time at={row.at} now={now} /> },
              {
                name: "Symbol",
                cell: (row) => (
                  <a href={to("symbols", row.symbol)}>
                    <Text value={row.symbol} most={24} />
                  </a>
                ),
              },
              { name: "Side", cell: (row) => <Side side={row.side} /> },
              { name: "Quantity", number: true, cell: (row) => quantity(row.quantity) },
              { name: "Entry", number: true, cell: (row) => price(row.entry) },
              { name: "Exit", number: true, cell: (row) => price(row.exit) },
              { name: `Result ${currency}`, number: true, cell: (row) => <Signed value={row.pnl} shown={money(row.pnl, true)} /> },
              { name: "R", number: true, cell: (row) => <Signed value={row.r} shown={row.r === null ? "–" : row.r.toFixed(2)} /> },
              { name: "Why", cell: (row) => <Text value={row.reason} most={40} /> },
            ]}
          />
        </Card>
      </div>
    </>
  );
}

function EngineCard(): ReactNode {
  const engine = useLive((state) => state.engine);
  const run = useLive((state) => state.runId);
  const times = useLive((state) => state.cycleTimes);
  const now = useNow(5000);
  const last = times[times.length - 1] ?? null;
  return (
    <Card title="Engine" extra={<a href={to("engine")}>more</a>}>
      <dl className="facts">
        <div>
          <dt>State</dt>
          <dd>
            <Chip tone={engine.state === "running" ? "good" : engine.state === "emergency" || engine.state === "error" ? "bad" : "warn"}>{engine.state || "no engine"}</Chip>
          </dd>
        </div>
        <div>
          <dt>Since</dt>
          <dd>
            <Time at={engine.since} now={now} />
          </dd>
        </div>
        <div>
          <dt>Reason</dt>
          <dd>
            <Text value={engine.reason || "–"} most={200} />
          </dd>
        </div>
        <div>
          <dt>Last cycle</dt>
          <dd>{last === null ? "–" : `${last.toFixed(last < 10 ? 1 : 0)} ms`}</dd>
        </div>
        <div>
          <dt>Run</dt>
          <dd>
            <Text value={run || "–"} most={40} />
          </dd>
        </div>
      </dl>
    </Card>
  );
}

export function tally(symbols: State["symbols"]): [string, number][] {
  const found = new Map<string, number>();
  for (const { reason } of symbols.values()) {
    const name = reason.split(/[:\s]/, 1)[0] ?? "";
    const denied = /^DENIED (\w+)/.exec(reason)?.[1];
    const key = denied === undefined ? name : `denied ${denied}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  return [...found].sort((a, b) => b[1] - a[1]);
}

function Reasons(): ReactNode {
  const symbols = useLive((state) => state.symbols);
  const rows = useMemo(() => tally(symbols), [symbols]);
  if (rows.length === 0) return <Empty>Nothing has been scanned yet.</Empty>;
  const most = rows[0]?.[1] ?? 1;
  return (
    <ul className="bars">
      {rows.slice(0, 10).map(([name, value]) => (
        <li key={name}>
          <Text value={words(name)} most={32} />
          <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
            <rect className="track" width="100" height="8" />
            <rect className="long" width={(value / most) * 100} height="8" />
          </svg>
          <span className="n">{count(value)}</span>
        </li>
      ))}
    </ul>
  );
}
