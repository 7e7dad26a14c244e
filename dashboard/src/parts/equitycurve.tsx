/** The curve of equity: the API's, and behind it what has come since. */

import { type ReactNode, Suspense, lazy, useMemo } from "react";
import { money, percent } from "../format";
import { asking } from "../live/api";
import { useLive, useRemote } from "../live/session";
import { Empty, Waiting } from "./basic";
import { equity, fallen } from "./series";

const EquityChart = lazy(() => import("./chart").then((found) => ({ default: found.EquityChart })));

/** ``run``: of an earlier one, to which nothing comes any more. */
export function EquityCurve({ currency, run = "" }: { currency: string; run?: string }): ReactNode {
  const remote = useRemote(asking("api/performance/equity", { run }), [], 60_000);
  const known = useMemo(() => equity(remote.body), [remote.body]);
  const since = useLive((state) => state.equity);
  const points = useMemo(() => {
    const end = known[known.length - 1]?.time ?? 0;
    const later = new Map(run !== "" ? [] : since.map(([at, value]) => [Math.floor(at / 1000), value] as const).filter(([time]) => time > end));
    return later.size === 0 ? known : fallen([...known.map((one) => [one.time, one.equity] as const), ...later]);
  }, [known, since, run]);
  const last = points[points.length - 1];
  return (
    <Waiting of={remote}>
      {points.length < 2 ? (
        <Empty>Two cycles make a curve.</Empty>
      ) : (
        <Suspense fallback={<div className="chart" />}>
          <EquityChart points={points} currency={currency} label={`Equity ${money(last?.equity ?? null)} ${currency}, drawdown ${percent(last?.drawdown ?? null)}`} />
        </Suspense>
      )}
    </Waiting>
  );
}
