/** Orders, each with its way and, where it still works, with its cancel. */

import { type ReactNode, useState } from "react";
import { price, quantity } from "../format";
import { path } from "../live/api";
import { useOperator } from "../live/session";
import { working } from "../live/state";
import { to } from "../route";
import type { Order } from "../wire";
import { Chip, Side, Table, Text, Time } from "./basic";
import { Ask, type Command } from "./dialog";

const TONE: Record<string, "good" | "bad" | "warn" | "calm" | "busy"> = {
  FILLED: "good",
  REJECTED: "bad",
  UNKNOWN: "bad",
  DENIED: "warn",
  EXPIRED: "warn",
  CANCELLED: "calm",
};

export function cancelling(order: Order): Command {
  return {
    address: path`api/orders/${order.id}/cancel`,
    title: "Cancel an order",
    act: "Cancel the order",
    explain: (
      <p>
        <Side side={order.side} /> {quantity(order.quantity)} <Text value={order.symbol} most={40} />, <Text value={order.status} most={24} />, id <Text value={order.id.slice(0, 16)} />.
      </p>
    ),
    danger: true,
  };
}

export function OrderTable({ orders, now }: { orders: readonly Order[]; now: number }): ReactNode {
  const operator = useOperator();
  const [asked, setAsked] = useState<Order | null>(null);
  return (
    <>
      <Table
        label="Orders"
        rows={orders}
        id={(row, at) => row.id || at}
        none="No orders."
        columns={[
          { name: "At", cell: (row) => <Time at={row.at} now={now} /> },
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
          { name: "Price", number: true, cell: (row) => price(row.price) },
          {
            name: "State",
            cell: (row) => (
              <span data-order={row.id}>
                <Chip tone={TONE[row.status] ?? "busy"}>
                  <Text value={row.status.replaceAll("_", " ").toLowerCase()} most={24} />
                </Chip>{" "}
                <Text value={row.code} most={30} />
              </span>
            ),
          },
          { name: "For", cell: (row) => <Text value={row.purpose} most={24} /> },
          {
            name: "",
            cell: (row) =>
              operator && working(row) ? (
                <button type="button" onClick={() => setAsked(row)}>
                  Cancel
                </button>
              ) : null,
          },
        ]}
      />
      {asked !== null && <Ask command={cancelling(asked)} close={() => setAsked(null)} />}
    </>
  );
}
