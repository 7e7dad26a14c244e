import { type ReactNode, Suspense, lazy, useEffect, useMemo, useRef, useState } from "react";
import { money, percent, plain, price, quantity, words } from "../format";
import { path } from "../live/api";
import { useLive, useNow, useRemote } from "../live/session";
import { Card, Chip, Empty, Reason, Side, Signed, Table, Text, Tile, Time, Waiting } from "../parts/basic";
import { type Line, type Mark, bars as readBars, levels as readLevels, seconds, within } from "../parts/series";
import { OrderTable } from "../parts/ordertable";
import { go, to } from "../route";
import { type Plain, items, list, number, order as readOrder, record, text } from "../wire";

const Candlesticks = lazy(() => import("../parts/chart"));

interface Signal {
  at: string;
  direction: string;
  score: number | null;
  price: number | null;
  strategy: string;
  answer: string;
  id: string;
}

const NONE: Signal = { at: "", direction: "", score: null, price: null, strategy: "", answer: "", id: "" };

export function signal(value: unknown): Signal {
  const row = record(value);
  const data = { ...record(row.data), ...row } as Plain;
  return {
    at: text(row.at ?? row.ts),
    direction: text(data.direction ?? data.side),
    score: number(data.score),
    price: number(data.price),
    strategy: text(data.strategy),
    answer: text(data.code) || text(data.status) || text(data.answer),
    id: text(row.event_id ?? row.id),
  };
}

export default function OneSymbol({ symbol }: { symbol: string }): ReactNode {
  const row = useLive((state) => state.symbols.get(symbol));
  const positions = useLive((state) => state.positions);
  const fills = useLive((state) => state.fills);
  const live = useLive((state) => state.orders);
  const currency = useLive((state) => state.account?.currency ?? "");
  const now = useNow(5000);
  const bars = useRemote(path`api/symbols/${symbol}/bars?limit=500`, ["cycle"]);
  const levels = useRemote(path`api/symbols/${symbol}/levels`, ["cycle"]);
  const signals = useRemote(path`api/symbols/${symbol}/signals`, ["cycle"]);
  const orders = useRemote(path`api/orders?symbol=${symbol}&limit=50`, ["orders"]);

  const held = positions.find((one) => one.symbol === symbol);
  const candles = useMemo(() => readBars(bars.body), [bars.body]);
  const found = useMemo(() => items(signals.body).map(signal), [signals.body]);
  const mine = useMemo(() => fills.filter((one) => one.symbol === symbol), [fills, symbol]);
  const { entry, stop, target } = held ?? { entry: null, stop: null, target: null };
  const lines = useMemo(() => {
    const made: Line[] = readLevels(levels.body);
    if (entry !== null) made.push({ kind: "entry", price: entry, title: "entry" });
    if (stop !== null) made.push({ kind: "stop", price: stop, title: "stop" });
    if (target !== null) made.push({ kind: "target", price: target, title: "target" });
    return made;
  }, [levels.body, entry, stop, target]);
  const marks = useMemo(() => {
    const made: Mark[] = [];
    for (const one of found) {
      const time = within(candles, seconds(one.at));
      if (time !== null) made.push({ time, kind: "signal", side: /^S/i.test(one.direction) ? "SELL" : "BUY", text: "" });
    }
    for (const one of mine) {
      const time = within(candles, seconds(one.at));
      if (time !== null) made.push({ time, kind: "fill", side: /^S/i.test(one.side) ? "SELL" : "BUY", text: quantity(one.quantity) });
    }
    return made.sort((a, b) => a.time - b.time);
  }, [found, mine, candles]);
  const all = useMemo(() => {
    const told = new Map(items(orders.body).map((one) => [text(one.id ?? one.order_id), readOrder(one)]));
    for (const one of live.values()) if (one.symbol === symbol && one.at !== null) told.set(one.id, { ...told.get(one.id), ...one });
    return [...told.values()].sort((a, b) => (b.at ?? "").localeCompare(a.at ?? ""));
  }, [orders.body, live, symbol]);

  return (
    <>
      <div className="title">
        <a href={to("symbols")} className="back">
          ← Symbols
        </a>
        <h1>
          <Text value={symbol} most={40} />
        </h1>
        <span className="big" data-price={row?.price ?? ""}>
          {price(row?.price ?? null)}
        </span>
        <Reason value={row?.reason ?? ""} />
        <Jump symbol={symbol} />
      </div>
      {held !== undefined && (
        <dl className="tiles">
          <Tile name="Held" note={held.quantity < 0 ? "short" : "long"}>
            {quantity(held.quantity)}
          </Tile>
          <Tile name="Entry">{price(held.entry)}</Tile>
          <Tile name={`Profit ${currency}`}>
            <Signed value={held.profit} shown={money(held.profit, true)} />
          </Tile>
          <Tile name="Stop">{price(held.stop)}</Tile>
          <Tile name="Target">{price(held.target)}</Tile>
        </dl>
      )}
      <Card title="Prices" extra={<span className="legend faint">signals ●, fills ▲▼, levels —, stop and target - -</span>}>
        <Waiting of={bars}>
          {candles.length === 0 ? (
            <Empty>No bars yet.</Empty>
          ) : (
            <Suspense fallback={<div className="chart tall" />}>
              <Candlesticks bars={candles} lines={lines} marks={marks} label={`Prices of ${symbol}: ${candles.length} bars, last ${price(candles[candles.length - 1]?.close ?? null)}`} />
            </Suspense>
          )}
        </Waiting>
      </Card>
      <div className="split">
        <Card title="Risk ladder of the last candidate" className="broad">
          {signals.loaded && found.length === 0 ? <Empty>It has had no candidate yet.</Empty> : <Ladder symbol={symbol} currency={currency} last={found.reduce((last, one) => (one.at > last.at ? one : last), NONE).id} />}
        </Card>
        <Card title="Signals">
          <Waiting of={signals}>
            <Table
              label="Signals"
              rows={[...found].sort((a, b) => b.at.localeCompare(a.at)).slice(0, 20)}
              id={(_, at) => at}
              none="No signal yet."
              columns={[
                { name: "At", cell: (one) => <Time at={one.at} now={now} /> },
                { name: "Side", cell: (one) => <Side side={one.direction} /> },
                { name: "Price", number: true, cell: (one) => price(one.price) },
                { name: "Score", number: true, cell: (one) => plain(one.score) },
                { name: "Strategy", cell: (one) => <Text value={one.strategy} most={24} /> },
                { name: "Answer", cell: (one) => (one.id === "" ? <Text value={one.answer} most={40} /> : <a href={to("events", one.id)}>{one.answer === "" ? "its way" : <Text value={one.answer} most={40} />}</a>) },
              ]}
            />
          </Waiting>
        </Card>
        <Card title="Fills">
          <Table
            label="Fills"
            rows={[...mine].reverse().slice(0, 20)}
            id={(one) => one.id}
            none="No fill yet."
            columns={[
              { name: "At", cell: (one) => <Time at={one.at} now={now} /> },
              { name: "Side", cell: (one) => <Side side={one.side} /> },
              { name: "Quantity", number: true, cell: (one) => quantity(one.quantity) },
              { name: "Price", number: true, cell: (one) => price(one.price) },
              { name: "Why", cell: (one) => <Text value={one.reason} most={30} /> },
            ]}
          />
        </Card>
        <Card title="Orders" className="broad">
          <OrderTable orders={all.slice(0, 50)} now={now} />
        </Card>
      </div>
    </>
  );
}

function Jump({ symbol }: { symbol: string }): ReactNode {
  const symbols = useLive((state) => state.symbols);
  const names = useMemo(() => [...symbols.keys()].sort(), [symbols]);
  const at = names.indexOf(symbol);
  const step = (by: number): void => go("symbols", names[(at + by + names.length) % names.length] ?? symbol);
  return (
    <span className="jump">
      <button type="button" onClick={() => step(-1)} aria-label="The symbol before">
        ‹
      </button>
      <button type="button" onClick={() => step(1)} aria-label="The next symbol">
        ›
      </button>
    </span>
  );
}

/** Numbers of a rule in its unit. */
export function figure(value: unknown, unit: string, currency: string): string {
  const amount = number(value);
  if (amount === null) return text(value) || "–";
  if (unit === "money") return `${money(amount)} ${currency}`;
  if (unit === "share") return percent(amount);
  if (unit === "times") return `${plain(amount)} ×`;
  if (unit === "bps") return `${plain(amount)} bps`;
  if (unit === "seconds") return `${plain(amount)} s`;
  return plain(amount, 6);
}

/** The last candidate explained. That is work for the server, so a newer one is explained when it is asked for. */
function Ladder({ symbol, currency, last }: { symbol: string; currency: string; last: string }): ReactNode {
  const [wanted, setWanted] = useState("");
  if (wanted === "" && last !== "") setWanted(last);
  return (
    <>
      {wanted !== last && (
        <p>
          <button type="button" onClick={() => setWanted(last)}>
            There is a newer one: explain it
          </button>
        </p>
      )}
      <Explained key={wanted} address={wanted === "" ? null : path`api/symbols/${symbol}/ladder`} currency={currency} />
    </>
  );
}

function Explained({ address, currency }: { address: string | null; currency: string }): ReactNode {
  const [got, setGot] = useState(false);
  const remote = useRemote(got ? null : address, [], 5000);
  const kept = useRef<unknown>(null);
  if (remote.body !== null) kept.current = remote.body;
  useEffect(() => {
    if (remote.body !== null) setGot(true);
  }, [remote.body]);
  if (kept.current !== null) return <Steps body={kept.current} currency={currency} />;
  return (
    <Waiting of={remote}>
      <Empty>Being explained…</Empty>
    </Waiting>
  );
}

function Steps({ body, currency }: { body: unknown; currency: string }): ReactNode {
  const outer = record(body);
  const found = outer.explained === undefined ? outer : record(outer.explained);
  const rules = list(found.rules).map(record);
  if (rules.length === 0 && found.decision === undefined) return <Empty>It has had no candidate yet.</Empty>;
  const denied = text(found.decision) === "DENIED";
  const size = record(found.size);
  const caps = list(size.caps).map(record);
  const own = text(found.currency) || currency;
  return (
    <>
      <p>
        <Chip tone={denied ? "warn" : "good"}>
          {denied ? (
            <>
              Denied: <Text value={text(found.code)} most={40} />
            </>
          ) : (
            `Approved: ${quantity(number(found.quantity))} units`
          )}
        </Chip>{" "}
        <Side side={text(found.direction)} /> at {price(number(found.entry))}, stop {price(number(found.stop))}, <Text value={text(found.strategy)} most={30} />, score {plain(number(found.score))}
        {number(found.planned_loss) !== null && <>, at the stop it loses {money(number(found.planned_loss))} {own}</>}
      </p>
      <Table
        label="Rules of the gate"
        rows={rules}
        id={(_, at) => at}
        none=""
        columns={[
          { name: "Stage", number: true, cell: (one) => text(one.stage) },
          { name: "Rule", cell: (one) => <Text value={words(text(one.rule))} most={60} /> },
          { name: "Value", number: true, cell: (one) => <Text value={figure(one.value, text(one.unit), own)} most={40} /> },
          { name: "Limit", number: true, cell: (one) => <Text value={figure(one.threshold, text(one.unit), own)} most={40} /> },
          {
            name: "Passes",
            cell: (one) => (one.passed === true ? <span className="pass">✓ yes</span> : <span className="fail">✕ <Text value={text(one.code) || "no"} most={40} /></span>),
          },
        ]}
      />
      {size.method !== undefined && (
        <Table
          label="Its size"
          rows={[{ rule: text(size.method), fits: size.wanted }, ...(number(size.multiplier) === null ? [] : [{ rule: "after multipliers", fits: size.multiplied }]), ...caps, { rule: `on the lot step of ${quantity(number(size.lot_step))}`, fits: size.quantity }] as Plain[]}
          id={(_, at) => at}
          none=""
          columns={[
            { name: "Size", cell: (one) => <Text value={words(text(one.rule))} most={60} /> },
            { name: "Units that fit", number: true, cell: (one) => quantity(number(one.fits)) },
            { name: "Value", number: true, cell: (one) => (one.value === undefined ? "" : <Text value={figure(one.value, text(one.unit), own)} most={40} />) },
            { name: "Limit", number: true, cell: (one) => (one.threshold === undefined ? "" : <Text value={figure(one.threshold, text(one.unit), own)} most={40} />) },
            { name: "", cell: (one) => (one.binds === true ? <Chip tone="busy">binds</Chip> : text(one.code) !== "" ? <Chip tone="warn">{<Text value={text(one.code)} most={40} />}</Chip> : "") },
          ]}
        />
      )}
    </>
  );
}
