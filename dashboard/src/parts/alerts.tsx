/** Alerts and errors, the newest first. */

import type { ReactNode } from "react";
import { moment, quantity, words } from "../format";
import { useLive, useNow } from "../live/session";
import { to } from "../route";
import { type Envelope, text } from "../wire";
import { Chip, Empty, Text, Time } from "./basic";

/** A value of an event, short: numbers without their last digits, times as local ones. */
export function short(value: unknown): string {
  if (typeof value === "number") return quantity(Number(value.toPrecision(7)));
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value)) return moment(value, Date.now());
  if (Array.isArray(value)) return value.length === 0 ? "none" : typeof value[0] === "object" ? `${value.length}` : value.slice(0, 5).map(text).join("; ");
  if (typeof value === "object" && value !== null) {
    const named = Object.entries(value);
    return named.length === 0 ? "none" : named.length > 6 ? `${named.length}` : named.map(([name, one]) => `${name} ${short(one)}`).join("; ");
  }
  return text(value);
}

/** What an alert says, in one line: its name, and its facts but for those that name it. */
export function sentence(one: Envelope): string {
  const { alert, simulated: _, ...facts } = one.data;
  const told = Object.entries(facts)
    .filter(([, value]) => value !== null && value !== "" && value !== undefined)
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${short(value)}`);
  return [one.type === "ERROR" ? "Error" : words(text(alert)), told.join(", ")].filter((part) => part !== "").join(": ");
}

export function AlertList({ most }: { most: number }): ReactNode {
  const alerts = useLive((state) => state.alerts);
  const now = useNow(5000);
  if (alerts.length === 0) return <Empty>No alerts.</Empty>;
  return (
    <ul className="alerts">
      {[...alerts]
        .reverse()
        .slice(0, most)
        .map((one) => (
          <li key={one.id || one.seq}>
            <Chip tone={one.type === "ERROR" || one.data.alert === "EMERGENCY" ? "bad" : "warn"}>
              <Time at={one.ts} now={now} />
            </Chip>{" "}
            {one.symbol !== null && (
              <>
                <a href={to("symbols", one.symbol)}>
                  <Text value={one.symbol} most={24} />
                </a>{" "}
              </>
            )}
            <a className="plain" href={to("events", one.id)}>
              <Text value={sentence(one)} most={220} />
            </a>
          </li>
        ))}
    </ul>
  );
}
