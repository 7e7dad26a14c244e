import { type ReactNode, useState } from "react";
import { moment, percent, plain } from "../format";
import { path } from "../live/api";
import { useNow, useRemote } from "../live/session";
import { Card, Signed, Table, Text, Time, Waiting } from "../parts/basic";
import { type Plain, items, list, number, record, text } from "../wire";

export default function Backtests(): ReactNode {
  const remote = useRemote("api/backtests", [], 30_000);
  const now = useNow(10_000);
  const [shown, setShown] = useState("");
  const metric = (row: Plain, name: string): number | null => number(record(row.metrics)[name]);
  return (
    <>
      <h1>Backtests</h1>
      <Card title="Results and reports">
        <Waiting of={remote}>
          <Table
            label="Backtests"
            rows={items(remote.body)}
            id={(row, at) => text(row.name) || at}
            none={record(remote.body).folder === false ? "This server shows no folder of results: serve --reports FOLDER." : "No results in the folder yet: `backtest --out` and `--report` write them."}
            columns={[
              { name: "Name", cell: (row) => <Text value={text(row.name)} most={60} /> },
              { name: "Written", cell: (row) => <Time at={text(row.changed_at) || null} now={now} /> },
              { name: "Strategy", cell: (row) => <Text value={text(row.strategy)} most={24} /> },
              { name: "Symbols", cell: (row) => <Text value={list(row.symbols).map(text).join(", ")} most={40} /> },
              { name: "Bars", cell: (row) => <Text value={text(row.timeframe)} most={12} /> },
              { name: "From, to", cell: (row) => [row.start, row.end].map((at) => (text(at) === "" ? "" : moment(text(at), now))).join(" – ") },
              { name: "Return", number: true, cell: (row) => <Signed value={metric(row, "total_return")} shown={percent(metric(row, "total_return"), true)} /> },
              { name: "Sharpe", number: true, cell: (row) => plain(metric(row, "sharpe")) },
              { name: "Drawdown", number: true, cell: (row) => percent(metric(row, "max_drawdown")) },
              { name: "Trades", number: true, cell: (row) => plain(metric(row, "trades"), 0) },
              { name: "", cell: (row) => <Open row={row} show={setShown} /> },
            ]}
          />
        </Waiting>
      </Card>
      {shown !== "" && (
        <Card
          title={shown}
          extra={
            <button type="button" onClick={() => setShown("")}>
              Close
            </button>
          }
        >
          <iframe className="report" title={shown} src={path`api/backtests/${shown}/report`} sandbox="allow-scripts" />
        </Card>
      )}
    </>
  );
}

/** A report runs in a frame that reaches nothing, or in a window of its own; a result is a file for programs. */
function Open({ row, show }: { row: Plain; show: (name: string) => void }): ReactNode {
  const name = text(row.name);
  if (text(row.kind) !== "report")
    return (
      <a href={path`api/backtests/${name}`} download={name}>
        JSON
      </a>
    );
  return (
    <>
      <button type="button" data-report={name} onClick={() => show(name)}>
        Show
      </button>{" "}
      <a href={path`api/backtests/${name}/report`} target="_blank" rel="noopener noreferrer">
        in a window
      </a>
    </>
  );
}
