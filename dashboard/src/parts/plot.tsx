/** Columns over a line of zero, as plain boxes: they follow the width of the page, and their texts stay readable. */

import type { ReactNode } from "react";
import { count, plain } from "../format";

export interface Bin {
  low: number;
  high: number;
  count: number;
}

export interface Squeezed {
  bins: readonly Bin[];
  /** Whether the first or the last one also holds what lies beyond it. */
  below: boolean;
  above: boolean;
}

/** At most ``most`` bins next to each other, those in which the most lies; what is beyond them is in the outer two. */
export function squeezed(bins: readonly Bin[], most: number): Squeezed {
  if (bins.length <= most) return { bins, below: false, above: false };
  let held = 0;
  let [best, from] = [-1, 0];
  bins.forEach((one, at) => {
    held += one.count - (bins[at - most]?.count ?? 0);
    if (at >= most - 1 && held > best) [best, from] = [held, at - most + 1];
  });
  const shown = bins.slice(from, from + most).map((one) => ({ ...one }));
  const [first, last] = [shown[0], shown[shown.length - 1]];
  const sum = (rows: readonly Bin[]): number => rows.reduce((total, one) => total + one.count, 0);
  const [before, behind] = [sum(bins.slice(0, from)), sum(bins.slice(from + most))];
  if (first !== undefined) first.count += before;
  if (last !== undefined) last.count += behind;
  return { bins: shown, below: before > 0, above: behind > 0 };
}

export interface Mark {
  name: string;
  value: number | null;
}

/** How often which result came, in R; losses are hatched. */
export function Histogram({ bins, marks, label }: { bins: readonly Bin[]; marks: readonly Mark[]; label: string }): ReactNode {
  const { bins: shown, below, above } = squeezed(bins, 40);
  const most = Math.max(...shown.map((one) => one.count), 1);
  const [from, to] = [shown[0]?.low ?? 0, shown[shown.length - 1]?.high ?? 1];
  const place = (value: number): number => ((value - from) / (to - from)) * 100;
  const every = Math.max(1, Math.ceil(shown.length / 12));
  return (
    <figure className="plot" data-bins={shown.length}>
      <div className="columns" role="img" aria-label={label}>
        {shown.map((one, at) => {
          const edge = (below && at === 0) || (above && at === shown.length - 1);
          return (
            <div key={one.low} className="column" title={`${edge ? (at === 0 ? "below " : "from ") : "from "}${plain(edge && at === 0 ? one.high : one.low)}${edge ? "" : ` to ${plain(one.high)}`} R: ${count(one.count)}`}>
              <div className={one.low < 0 ? "box short" : "box long"} style={{ height: `${(one.count / most) * 100}%` }} data-count={one.count} />
              {one.count > 0 && shown.length <= 24 && (
                <span className="amount" style={{ bottom: `${(one.count / most) * 100}%` }}>
                  {count(one.count)}
                </span>
              )}
            </div>
          );
        })}
        {from < 0 && to > 0 && <i className="zero" style={{ left: `${place(0)}%` }} />}
        {marks.map((one) =>
          one.value === null || one.value < from || one.value > to ? null : (
            <i key={one.name} className="mark" style={{ left: `${place(one.value)}%` }}>
              <span>{one.name}</span>
            </i>
          ),
        )}
      </div>
      <div className="axis" aria-hidden="true">
        {shown.map((one, at) => (
          <span key={one.low}>{at % every === 0 ? (below && at === 0 ? "…" : plain(one.low)) : ""}</span>
        ))}
      </div>
    </figure>
  );
}

export interface Amount {
  name: string;
  value: number;
}

/** Gains up and losses down, oldest first. */
export function Amounts({ rows, label, shown }: { rows: readonly Amount[]; label: string; shown: (value: number) => string }): ReactNode {
  const top = Math.max(...rows.map((one) => one.value), 0);
  const bottom = Math.max(...rows.map((one) => -one.value), 0);
  const span = Math.max(top + bottom, 1e-9);
  return (
    <figure className="plot">
      <div className="columns signed" role="img" aria-label={label}>
        {rows.map((one) => (
          <div key={one.name} className="column" title={`${one.name}: ${shown(one.value)}`}>
            <div className={one.value < 0 ? "box short" : "box long"} style={{ height: `${(Math.abs(one.value) / span) * 100}%`, top: `${((one.value < 0 ? top : top - one.value) / span) * 100}%` }} />
          </div>
        ))}
        <i className="level" style={{ top: `${(top / span) * 100}%` }} />
      </div>
      <figcaption>
        <span>{rows[0]?.name}</span> <span>{rows[rows.length - 1]?.name}</span>
      </figcaption>
    </figure>
  );
}
