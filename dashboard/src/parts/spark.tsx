/** A small line of the last values, without axes. */

import { type ReactNode, memo } from "react";

export function points(values: readonly number[], width: number, height: number): string {
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  return values.map((one, at) => `${(at * step).toFixed(1)},${(height - (span > 0 ? (one - low) / span : 0.5) * height).toFixed(1)}`).join(" ");
}

export const Spark = memo(function Spark({ values, width = 96, height = 22 }: { values: readonly number[]; width?: number; height?: number }): ReactNode {
  if (values.length < 2) return <svg className="spark" width={width} height={height} aria-hidden="true" />;
  const rose = (values[values.length - 1] ?? 0) >= (values[0] ?? 0);
  return (
    <svg className={`spark ${rose ? "up" : "down"}`} width={width} height={height} viewBox={`0 -2 ${width} ${height + 4}`} preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points(values, width, height)} />
    </svg>
  );
});

/** Values over their place, with the largest and a middle value named. */
export function Columns({ values, label, shown }: { values: readonly number[]; label: string; shown: (value: number) => string }): ReactNode {
  const [width, height] = [600, 120];
  const most = Math.max(...values, 1e-9);
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const late = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  const step = width / Math.max(values.length, 60);
  const level = height - (middle / most) * height;
  return (
    <figure className="columns">
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={`${label}: middle ${shown(middle)}, largest ${shown(most)}`}>
        {values.map((one, at) => (
          <rect key={at} x={at * step} y={height - (one / most) * height} width={Math.max(step - 0.5, 0.5)} height={(one / most) * height}>
            <title>{shown(one)}</title>
          </rect>
        ))}
        <line x1="0" x2={width} y1={level} y2={level} />
      </svg>
      <figcaption>
        half of them below {shown(middle)}, 99 % below {shown(late)}, largest {shown(most)}; the last {values.length}
      </figcaption>
    </figure>
  );
}
