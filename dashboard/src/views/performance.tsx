import { type ReactNode, useState } from "react";
import { count, duration, money, percent, plain, words } from "../format";
import { asking } from "../live/api";
import { useLive, useNow, useRemote } from "../live/session";
import { Card, Chip, Empty, Facts, Signed, Text, Tile, Time, Waiting } from "../parts/basic";
import { EquityCurve } from "../parts/equitycurve";
import { type Bin, Histogram } from "../parts/plot";
import { RunChoice } from "../parts/runchoice";
import { Tabs } from "../parts/tabs";
import type { Route } from "../route";
import { type Plain, list, number, record, text } from "../wire";
import { Closes, Days, Reasons, Tally } from "./journal";

const PARTS = [
  ["", "Figures"],
  ["days", "Days"],
  ["reasons", "Reasons"],
  ["trades", "Trades"],
] as const;

export default function Performance({ route }: { route: Route }): ReactNode {
  const run = route.query.get("run") ?? "";
  const currency = useLive((state) => state.account?.currency ?? "");
  const part = route.rest;
  return (
    <>
      <div className="title">
        <h1>Performance</h1>
        <RunChoice view="performance" rest={part} run={run} />
      </div>
      <Tabs view="performance" label="Parts of Performance" tabs={PARTS} current={part} query={{ run }} />
      {part === "" ? (
        <Figures run={run} />
      ) : part === "days" ? (
        <Days run={run} currency={currency} />
      ) : part === "reasons" ? (
        <Reasons run={run} currency={currency} />
      ) : part === "trades" ? (
        <Closes run={run} currency={currency} />
      ) : (
        <Empty>There is no such part.</Empty>
      )}
    </>
  );
}

const BY = ["symbol", "strategy", "session", "factor", "reason", "side"];

function Figures({ run }: { run: string }): ReactNode {
  const remote = useRemote(asking("api/performance/metrics", { run }));
  const now = useNow(10_000);
  const [by, setBy] = useState("symbol");
  const body = record(remote.body);
  const currency = text(body.currency);
  const figures = record(body.figures);
  const trades = record(body.trades);
  const conventions = record(body.conventions);
  const kinds = Object.keys(record(body.by)).filter((one) => !BY.includes(one));
  return (
    <>
      <div className="split">
        <Card title="Equity and drawdown">
          <EquityCurve currency={currency} run={run} />
        </Card>
        <Card title="R of the round trips">
          <Results run={run} />
        </Card>
      </div>
      <Card title="Return and risk">
        <Waiting of={remote}>
          <Returns of={figures} now={now} currency={currency} />
        </Waiting>
      </Card>
      <Card title="Round trips">
        <Waiting of={remote}>
          <Trips of={trades} currency={currency} />
        </Waiting>
      </Card>
      <Card
        title="What they came to by"
        extra={
          <div className="choices" role="group" aria-label="By what">
            {[...BY, ...kinds].map((one) => (
              <button key={one} type="button" aria-pressed={by === one} onClick={() => setBy(one)}>
                {words(one)}
              </button>
            ))}
          </div>
        }
      >
        <Waiting of={remote}>
          <Tally of={record(record(body.by)[by])} name={words(by)} currency={currency} />
        </Waiting>
      </Card>
      <details>
        <summary>How it was counted, and everything that was</summary>
        <Card title="Conventions">
          <Facts of={conventions} most={400} />
        </Card>
        <Card title="Every figure">
          <Facts of={{ ...figures, ...trades }} most={300} />
        </Card>
      </details>
    </>
  );
}

function Returns({ of, now, currency }: { of: Plain; now: number; currency: string }): ReactNode {
  const share = (name: string, sign = false): ReactNode => <Signed value={number(of[name])} shown={percent(number(of[name]), sign)} />;
  const [best, worst] = [record(of.best_period), record(of.worst_period)];
  const period = text(of.period) || "period";
  return (
    <>
      <dl className="tiles small" data-figures="return">
        <Tile name="Return" note={`${count(number(of.periods))} ${period === "week" ? "weeks" : "days"}`}>
          {share("total_return", true)}
        </Tile>
        <Tile name="A year" note="compounded">
          {share("cagr", true)}
        </Tile>
        <Tile name="Volatility" note="a year">
          {percent(number(of.volatility))}
        </Tile>
        <Tile name="Sharpe">{plain(number(of.sharpe))}</Tile>
        <Tile name="Sortino">{plain(number(of.sortino))}</Tile>
        <Tile name="Calmar">{plain(number(of.calmar))}</Tile>
        <Tile name="Deepest fall" note={`${money(number(of.max_drawdown_money))} ${currency}`}>
          {share("max_drawdown")}
        </Tile>
        <Tile name={`VaR 95 % a ${period}`}>{share("var_95")}</Tile>
        <Tile name="Beyond it, on average">{share("cvar_95")}</Tile>
        <Tile name={`Best ${period}`} note={text(best.date).slice(0, 10)}>
          <Signed value={number(best.return)} shown={percent(number(best.return), true)} />
        </Tile>
        <Tile name={`Worst ${period}`} note={text(worst.date).slice(0, 10)}>
          <Signed value={number(worst.return)} shown={percent(number(worst.return), true)} />
        </Tile>
        <Tile name="Skewness, kurtosis">
          {plain(number(of.skewness))}, {plain(number(of.kurtosis))}
        </Tile>
      </dl>
      {text(of.drawdown_bottom_at) !== "" && (
        <p className="faint">
          The deepest fall: from <Time at={text(of.drawdown_peak_at) || null} now={now} /> to <Time at={text(of.drawdown_bottom_at)} now={now} />
          {text(of.drawdown_recovered_at) === "" ? ", not recovered yet" : <>, recovered <Time at={text(of.drawdown_recovered_at)} now={now} /></>}.
        </p>
      )}
    </>
  );
}

function Trips({ of, currency }: { of: Plain; currency: string }): ReactNode {
  const amount = (name: string): ReactNode => <Signed value={number(of[name])} shown={money(number(of[name]), true)} />;
  const held = (name: string): string => duration(number(of[name]) === null ? null : (number(of[name]) ?? 0) * 1000);
  return (
    <dl className="tiles small" data-figures="trips">
      <Tile name="Round trips" note={`${count(number(of.wins))} won, ${count(number(of.losses))} lost`}>
        {count(number(of.trades))}
      </Tile>
      <Tile name={`Net ${currency}`}>{amount("net_profit")}</Tile>
      <Tile name="Won">{percent(number(of.win_rate))}</Tile>
      <Tile name="Profit factor">{plain(number(of.profit_factor))}</Tile>
      <Tile name="Win over loss" note={`${money(number(of.average_win))} to ${money(number(of.average_loss))}`}>
        {plain(number(of.payoff_ratio))}
      </Tile>
      <Tile name={`Expected ${currency}`} note="a round trip">
        {amount("expectancy")}
      </Tile>
      <Tile name="Expected R" note={`${count(number(of.trades_with_r))} had a stop`}>
        <Signed value={number(of.expectancy_r)} shown={plain(number(of.expectancy_r))} />
      </Tile>
      <Tile name="SQN" note={`${plain(number(of.sqn_r))} in R`}>
        {plain(number(of.sqn))}
      </Tile>
      <Tile name="Kelly">{percent(number(of.kelly))}</Tile>
      <Tile name="Held" note={`longest ${held("longest_holding_s")}`}>
        {held("average_holding_s")}
      </Tile>
      <Tile name="In a row" note="won, lost">
        {count(number(of.longest_winning_streak))}, {count(number(of.longest_losing_streak))}
      </Tile>
      <Tile name="Best, worst" note={<Text value={[record(of.best_trade).symbol, record(of.worst_trade).symbol].map(text).filter((one) => one !== "").join(", ")} most={40} />}>
        {money(number(record(of.best_trade).net), true)}, {money(number(record(of.worst_trade).net), true)}
      </Tile>
    </dl>
  );
}

const WIDTHS = ["0.25", "0.5", "1"];

function Results({ run }: { run: string }): ReactNode {
  const [width, setWidth] = useState("0.5");
  const remote = useRemote(asking("api/performance/r-distribution", { run, width }));
  const body = record(remote.body);
  const bins = list(body.bins).map(record).map(bin).filter((one): one is Bin => one !== null);
  const [mean, median, total, without] = [number(body.mean), number(body.median), number(body.count), number(body.without_r)];
  const lost = bins.filter((one) => one.low < 0).reduce((sum, one) => sum + one.count, 0);
  return (
    <Waiting of={remote}>
      {bins.length === 0 ? (
        <Empty>No round trip with a stop has ended yet.</Empty>
      ) : (
        <>
          <Histogram
            bins={bins}
            marks={[
              { name: "mean", value: mean },
              { name: "median", value: median },
            ]}
            label={`Round trips by their result in R: ${count(total)}, of them ${count(lost)} below 0; mean ${plain(mean)}, median ${plain(median)}, from ${plain(number(body.worst))} to ${plain(number(body.best))}`}
          />
          <div className="bar plain">
            <div className="choices" role="group" aria-label="Width of a column">
              {WIDTHS.map((one) => (
                <button key={one} type="button" aria-pressed={width === one} onClick={() => setWidth(one)}>
                  {plain(Number(one))} R
                </button>
              ))}
            </div>
            <span>
              <Chip tone="calm">mean {plain(mean)} R</Chip> <Chip tone="calm">median {plain(median)} R</Chip> <Chip tone="calm">deviation {plain(number(body.deviation))} R</Chip>
            </span>
            <span className="faint">
              {count(total)} round trips from {plain(number(body.worst))} to {plain(number(body.best))} R{without !== null && without > 0 && <>; {count(without)} without a stop have no R</>}
            </span>
          </div>
        </>
      )}
    </Waiting>
  );
}

function bin(row: Plain): Bin | null {
  const [low, high, amount] = [number(row.low), number(row.high), number(row.count)];
  return low === null || high === null || amount === null ? null : { low, high, count: amount };
}
