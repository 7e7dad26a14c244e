/** What was said against what came: points on the dashed line are honest, below it too sure, above it too careful. */

import type { ReactNode } from "react";
import { count, percent } from "../format";

export interface Point {
  said: number;
  came: number;
  /** The 95 % interval of ``came``. */
  low: number;
  high: number;
  cases: number;
}

const MARKS = [0, 0.25, 0.5, 0.75, 1];

export function Reliability({ points, base, label }: { points: readonly Point[]; base: number | null; label: string }): ReactNode {
  const most = Math.max(...points.map((one) => one.cases), 1);
  return (
    <figure className="reliability">
      <div className="square">
        <svg viewBox="0 0 100 100" role="img" aria-label={label}>
          {MARKS.map((one) => (
            <path key={one} className="grid" d={`M0 ${100 * one}H100M${100 * one} 0V100`} />
          ))}
          <path className="honest" d="M0 100L100 0" />
          {base !== null && <path className="base" d={`M0 ${100 - 100 * base}H100`} />}
          {points.map((one) => (
            <g key={one.said} data-cases={one.cases}>
              <title>{`${percent(one.said)} said, ${percent(one.came)} came (${percent(one.low)} to ${percent(one.high)}) in ${count(one.cases)} cases`}</title>
              <path className="spread" d={`M${100 * one.said} ${100 - 100 * one.low}V${100 - 100 * one.high}`} />
              <circle cx={100 * one.said} cy={100 - 100 * one.came} r={1.4 + 2.2 * Math.sqrt(one.cases / most)} />
            </g>
          ))}
        </svg>
        <div className="marks upward" aria-hidden="true">
          {[...MARKS].reverse().map((one) => (
            <span key={one}>{one * 100}</span>
          ))}
        </div>
        <div className="marks across" aria-hidden="true">
          {MARKS.map((one) => (
            <span key={one}>{one * 100}</span>
          ))}
        </div>
      </div>
      <figcaption>
        Across: per cent said. Up: per cent that won, with its 95 % interval. Dashed: what is said comes. Dotted: the base rate. The larger a point, the more cases.
      </figcaption>
    </figure>
  );
}
