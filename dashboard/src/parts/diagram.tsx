/** The engine's public states and the steps between them, with the current one marked. */

import type { ReactNode } from "react";

const [WIDE, HIGH] = [112, 36];

const PLACES: Record<string, [number, number]> = {
  idle: [70, 30],
  initializing: [215, 30],
  stopped: [70, 118],
  running: [215, 118],
  paused: [360, 118],
  error: [140, 206],
  emergency: [290, 206],
};

const STEPS: [string, string][] = [
  ["idle", "initializing"],
  ["initializing", "running"],
  ["initializing", "paused"],
  ["running", "paused"],
  ["paused", "running"],
  ["running", "stopped"],
  ["stopped", "idle"],
  ["running", "error"],
  ["error", "running"],
  ["running", "emergency"],
  ["emergency", "running"],
  ["paused", "emergency"],
  ["error", "emergency"],
];

/** From the edge of one box to the edge of the other; the way there and the way back lie beside each other. */
export function arrow(from: readonly [number, number], to: readonly [number, number], both: boolean): string {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  const [nx, ny] = both ? [(-dy / length) * 6, (dx / length) * 6] : [0, 0];
  const inside = Math.min(WIDE / 2 / Math.max(Math.abs(dx), 1e-9), HIGH / 2 / Math.max(Math.abs(dy), 1e-9));
  const gap = 3 / length;
  const at = (share: number): string => `${(from[0] + dx * share + nx).toFixed(1)} ${(from[1] + dy * share + ny).toFixed(1)}`;
  return `M${at(inside + gap)} L${at(1 - inside - gap)}`;
}

export function Diagram({ state }: { state: string }): ReactNode {
  return (
    <figure className="diagram">
      <svg viewBox="0 0 430 238" role="img" aria-label={`Engine states; now: ${state || "none"}`} data-state={state}>
        <defs>
          <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">
            <path d="M0 0 L8 4 L0 8 z" className="head" />
          </marker>
        </defs>
        {STEPS.map(([from, to]) => {
          const [a, b] = [PLACES[from], PLACES[to]];
          if (a === undefined || b === undefined) return null;
          const both = STEPS.some(([x, y]) => x === to && y === from);
          return <path key={from + to} className={from === state ? "step open" : "step"} d={arrow(a, b, both)} markerEnd="url(#head)" />;
        })}
        {Object.entries(PLACES).map(([name, [x, y]]) => (
          <g key={name} className={name === state ? "place now" : "place"}>
            <rect x={x - WIDE / 2} y={y - HIGH / 2} width={WIDE} height={HIGH} rx="7" />
            <text x={x} y={y + 5} textAnchor="middle">
              {name === state ? `● ${name}` : name}
            </text>
          </g>
        ))}
      </svg>
      <figcaption className="faint">A halt leads to emergency and a stop to stopped from every state.</figcaption>
    </figure>
  );
}
