import { type ReactNode, useMemo, useState } from "react";
import { money, percent, price, quantity } from "../format";
import { path } from "../live/api";
import { useLive, useNow, useOperator, useRemote } from "../live/session";
import { working } from "../live/state";
import { Card, Signed, Table, Text, Time, Waiting } from "../parts/basic";
import { Ask, type Command } from "../parts/dialog";
import { OrderTable } from "../parts/ordertable";
import { to } from "../route";
import { type Order, type Position, items, order as readOrder } from "../wire";

function closing(held: Position): Command {
  return {
    address: path`api/positions/${held.symbol}/close`,
    title: "Close a position",
    act: "Close",
    explain: (
      <p>
        {held.quantity < 0 ? "Short" : "Long"} {quantity(Math.abs(held.quantity))} <Text value={held.symbol} most={40} />: closed at the market in the next cycle.
      </p>
    ),
    danger: true,
    fraction: true,
  };
}

export default function Orders(): ReactNode {
  const positions = useLive((state) => state.positions);
  const live = useLive((state) => state.orders);
  const account = useLive((state) => state.account);
  const operator = useOperator();
  const now = useNow(5000);
  const [all, setAll] = useState(false);
  const [asked, setAsked] = useState<Position | null>(null);
  const remote = useRemote("api/orders?limit=200", ["orders"]);
  const orders = useMemo(() => merged(items(remote.body).map(readOrder), live), [remote.body, live]);
  const shown = all ? orders : orders.filter(working);
  const currency = account?.currency ?? "";
  const equity = account?.equity ?? null;

  return (
    <>
      <h1>Positions and orders</h1>
      <Card title={`Positions (${positions.length})`}>
        <Table
          label="Positions"
          rows={[...positions].sort((a, b) => (a.symbol < b.symbol ? -1 : 1))}
          id={(row) => row.account + row.symbol}
          none="Nothing is held."
          columns={[
            {
              name: "Symbol",
              cell: (row) => (
                <a href={to("symbols", row.symbol)}>
                  <Text value={row.symbol} most={24} />
                </a>
              ),
            },
            { name: "Side", cell: (row) => <span className={row.quantity < 0 ? "down" : "up"}>{row.quantity < 0 ? "▼ short" : "▲ long"}</span> },
            { name: "Quantity", number: true, cell: (row) => quantity(Math.abs(row.quantity)) },
            { name: "Entry", number: true, cell: (row) => price(row.entry) },
            { name: "Price", number: true, cell: (row) => price(row.price) },
            {
              name: `Profit ${currency}`,
              number: true,
              cell: (row) => (
                <span title={equity !== null && row.profit !== null && equity > 0 ? `${percent(row.profit / equity, true)} of equity` : undefined}>
                  <Signed value={row.profit} shown={money(row.profit, true)} />
                </span>
              ),
            },
            { name: "Stop", number: true, cell: (row) => (row.stop === null ? <span className="fail">▲ none</span> : price(row.stop)) },
            { name: "Target", number: true, cell: (row) => price(row.target) },
            { name: "Opened", cell: (row) => <Time at={row.openedAt} now={now} /> },
            {
              name: "",
              cell: (row) =>
                operator ? (
                  <button type="button" data-close={row.symbol} onClick={() => setAsked(row)}>
                    Close…
                  </button>
                ) : null,
            },
          ]}
        />
      </Card>
      <Card
        title="Orders"
        extra={
          <div className="choices" role="group" aria-label="Which orders">
            <button type="button" aria-pressed={!all} onClick={() => setAll(false)}>
              Working
            </button>
            <button type="button" aria-pressed={all} onClick={() => setAll(true)}>
              All
            </button>
          </div>
        }
      >
        <Waiting of={remote}>
          <OrderTable orders={shown.slice(0, 300)} now={now} />
        </Waiting>
      </Card>
      {asked !== null && <Ask command={closing(asked)} close={() => setAsked(null)} />}
    </>
  );
}

/** The API's orders and what the events have told since; the newest first. */
export function merged(told: readonly Order[], live: ReadonlyMap<string, Order>): Order[] {
  const found = new Map(told.map((one) => [one.id, one]));
  for (const one of live.values()) {
    const known = found.get(one.id);
    if (known === undefined) found.set(one.id, one);
    else if ((one.at ?? "") >= (known.at ?? "")) found.set(one.id, { ...known, status: one.status, code: one.code || known.code });
  }
  return [...found.values()].sort((a, b) => (b.at ?? "").localeCompare(a.at ?? ""));
}
