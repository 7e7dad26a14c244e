/** Small parts that every view is made of. */

import type { ReactNode } from "react";
import { type Tone, count, millis, moment, toneOf, utc, visible, words } from "../format";
import { type Remote, useNow } from "../live/session";

/** A text from outside: cut, isolated from what stands beside it, whole on hover. */
export function Text({ value, most = 160 }: { value: string; most?: number }): ReactNode {
  const title = value.length > Math.min(most, 24) ? visible(value, 1000) : undefined;
  return (
    <bdi className="text" title={title}>
      {visible(value, most)}
    </bdi>
  );
}

/** Local time, UTC on hover. */
export function Time({ at, now }: { at: string | null; now?: number }): ReactNode {
  if (millis(at) === null) return <span className="faint">–</span>;
  return (
    <time dateTime={at ?? ""} title={utc(at)}>
      {moment(at, now ?? Date.now())}
    </time>
  );
}

/** Time since then, anew every second. */
export function Age({ at, format }: { at: number | null; format: (ms: number | null) => string }): ReactNode {
  const now = useNow();
  return <>{format(at === null ? null : now - at)}</>;
}

const SIGNS: Record<Tone, string> = { good: "●", bad: "✕", warn: "▲", calm: "○", busy: "◆" };

/** A word with a colour and, for those who do not see it, a shape. */
export function Chip({ tone, children }: { tone: Tone; children: ReactNode }): ReactNode {
  return (
    <span className={`chip ${tone}`}>
      <span aria-hidden="true">{SIGNS[tone]}</span> {children}
    </span>
  );
}

export function Reason({ value, most = 60 }: { value: string; most?: number }): ReactNode {
  if (value === "") return <span className="faint">–</span>;
  return (
    <Chip tone={toneOf(value)}>
      <Text value={value} most={most} />
    </Chip>
  );
}

/** A gain or a loss: its sign, its colour, and an arrow. */
export function Signed({ value, shown }: { value: number | null; shown: string }): ReactNode {
  if (value === null) return <span className="faint">–</span>;
  return <span className={value > 0 ? "up" : value < 0 ? "down" : ""}>{shown}</span>;
}

export function Side({ side }: { side: string }): ReactNode {
  const long = /^(BUY|LONG)/i.test(side);
  if (!long && !/^(SELL|SHORT)/i.test(side)) return <Text value={side} most={20} />;
  return <span className={long ? "up" : "down"}>{long ? "▲ Buy" : "▼ Sell"}</span>;
}

export function Card({ title, extra, children, className = "" }: { title: string; extra?: ReactNode; children: ReactNode; className?: string }): ReactNode {
  return (
    <section className={`card ${className}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {extra}
      </header>
      {children}
    </section>
  );
}

export function Tile({ name, children, note }: { name: string; children: ReactNode; note?: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {children}
        {note !== undefined && <small>{note}</small>}
      </dd>
    </div>
  );
}

export function Empty({ children }: { children: ReactNode }): ReactNode {
  return <p className="empty">{children}</p>;
}

/** What stands in place of an answer that is not there. */
export function Waiting({ of, children }: { of: Remote; children: ReactNode }): ReactNode {
  if (of.error !== "")
    return (
      <p className="failed" role="status">
        <span aria-hidden="true">✕ </span>
        <Text value={of.error} />{" "}
        <button type="button" onClick={of.again}>
          Try again
        </button>
      </p>
    );
  return of.loaded ? children : <Empty>Loading…</Empty>;
}

export interface Column<T> {
  name: string;
  cell: (row: T) => ReactNode;
  number?: boolean;
  /** A text that may take several lines. */
  long?: boolean;
}

/** Scrolls sideways by itself where it is wider than the screen. */
export function Table<T>({ label, columns, rows, id, none }: { label: string; columns: readonly Column<T>[]; rows: readonly T[]; id: (row: T, at: number) => string | number; none: string }): ReactNode {
  if (rows.length === 0) return <Empty>{none}</Empty>;
  return (
    <div className="wide" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((one) => (
              <th key={one.name} scope="col" className={one.number ? "n" : undefined}>
                {one.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={id(row, at)}>
              {columns.map((one) => (
                <td key={one.name} className={one.number ? "n" : one.long ? "long" : undefined}>
                  {one.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A value against its limit; the number stands beside it. */
export function Meter({ share, label }: { share: number | null; label: string }): ReactNode {
  const width = share === null ? 0 : Math.min(Math.max(share, 0), 1) * 100;
  const tone = share === null ? "calm" : share >= 1 ? "bad" : share >= 0.7 ? "warn" : "good";
  return (
    <svg className={`meter ${tone}`} role="img" aria-label={label} viewBox="0 0 100 8" preserveAspectRatio="none">
      <rect className="track" width="100" height="8" />
      <rect className="fill" width={width} height="8" />
    </svg>
  );
}

/** Amounts above and below zero, side by side. */
export function Bars({ amounts, shown }: { amounts: Record<string, number>; shown: (value: number) => string }): ReactNode {
  const rows = Object.entries(amounts)
    .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))
    .slice(0, 12);
  if (rows.length === 0) return <Empty>Nothing is held.</Empty>;
  const most = Math.max(...rows.map(([, value]) => Math.abs(value)), 1e-9);
  return (
    <ul className="bars">
      {rows.map(([name, value]) => {
        const width = (Math.abs(value) / most) * 50;
        return (
          <li key={name}>
            <Text value={name} most={24} />
            <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
              <rect className="track" width="100" height="8" />
              <rect className={value < 0 ? "short" : "long"} x={value < 0 ? 50 - width : 50} width={width} height="8" />
              <rect className="zero" x="49.8" width="0.4" height="8" />
            </svg>
            <span className="n">
              {shown(value)} <span className="faint">{value < 0 ? "short" : "long"}</span>
            </span>
          </li>
        );
      })}
    </ul>
  );
}

/** Any value as its name and text, nested ones as JSON. */
export function Facts({ of, most = 400 }: { of: Record<string, unknown>; most?: number }): ReactNode {
  const rows = Object.entries(of).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return (
    <dl className="facts">
      {rows.slice(0, 100).map(([name, value]) => (
        <div key={name}>
          <dt>{words(name)}</dt>
          <dd>
            <Text value={typeof value === "object" ? JSON.stringify(value) : typeof value === "number" ? String(value) : String(value)} most={most} />
          </dd>
        </div>
      ))}
      {rows.length > 100 && <div className="faint">and {count(rows.length - 100)} more</div>}
    </dl>
  );
}
