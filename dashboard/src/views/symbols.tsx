import { type ReactNode, memo, useMemo, useState } from "react";
import { count, duration, healthOf, percent, price, quantity, toneOf } from "../format";
import type { SymbolRow } from "../live/state";
import { useLive, useNow } from "../live/session";
import { Chip, Empty, Reason, Signed, Text } from "../parts/basic";
import { PHONE, useMedia } from "../parts/media";
import { Spark } from "../parts/spark";
import { Virtual } from "../parts/virtual";
import { go } from "../route";

type Sort = "symbol" | "price" | "change" | "reason" | "score" | "position" | "age" | "health";
const HEADS: [Sort, string, boolean][] = [
  ["symbol", "Symbol", false],
  ["price", "Price", true],
  ["change", "Last 40", false],
  ["reason", "Last reason", false],
  ["score", "Score", true],
  ["position", "Position", true],
  ["age", "Age", true],
  ["health", "Agent", false],
];

const SHOWN: [string, string, (row: SymbolRow) => boolean][] = [
  ["all", "All", () => true],
  ["held", "Held", (row) => (row.position ?? 0) !== 0],
  ["busy", "Candidates", (row) => ["busy", "good"].includes(toneOf(row.reason))],
  ["denied", "Denied", (row) => toneOf(row.reason) === "warn"],
  ["broken", "Broken", (row) => toneOf(row.reason) === "bad"],
];

export function change(row: SymbolRow): number | null {
  const [first, last] = [row.spark[0], row.spark[row.spark.length - 1]];
  return row.spark.length < 2 || first === undefined || last === undefined || first === 0 ? null : last / first - 1;
}

export function ordered(rows: readonly SymbolRow[], by: Sort, down: boolean): SymbolRow[] {
  const value = (row: SymbolRow): string | number | null => {
    if (by === "change") return change(row);
    if (by === "age") return row.barAt === null ? null : -row.barAt;
    if (by === "health") return healthOf(row.reason);
    return row[by];
  };
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [one, other] = [value(a), value(b)];
    if (one === other) return a.symbol < b.symbol ? -1 : 1;
    if (one === null) return 1;
    if (other === null) return -1;
    return (one < other ? -1 : 1) * sign;
  });
}

export default function Symbols(): ReactNode {
  const symbols = useLive((state) => state.symbols);
  const phone = useMedia(PHONE);
  const [filter, setFilter] = useState("");
  const [shown, setShown] = useState("all");
  const [sort, setSort] = useState<{ by: Sort; down: boolean }>({ by: "symbol", down: false });
  const now = useNow();

  const all = useMemo(() => [...symbols.values()], [symbols]);
  const rows = useMemo(() => {
    const wanted = filter.trim().toUpperCase();
    const test = SHOWN.find(([name]) => name === shown)?.[2] ?? (() => true);
    const found = all.filter((row) => test(row) && (wanted === "" || row.symbol.toUpperCase().includes(wanted) || row.reason.toUpperCase().includes(wanted)));
    return ordered(found, sort.by, sort.down);
  }, [all, filter, shown, sort]);

  return (
    <>
      <h1>Symbols</h1>
      <div className="bar">
        <input data-filter type="search" placeholder="Filter: symbol or reason" aria-label="Filter by symbol or reason" value={filter} onChange={(event) => setFilter(event.target.value)} />
        <div className="choices" role="group" aria-label="Show">
          {SHOWN.map(([name, label, test]) => (
            <button key={name} type="button" aria-pressed={shown === name} onClick={() => setShown(name)}>
              {label} <span className="faint">{count(name === "all" ? all.length : all.filter(test).length)}</span>
            </button>
          ))}
        </div>
        {phone && (
          <label>
            Sort{" "}
            <select value={sort.by} onChange={(event) => setSort({ by: event.target.value as Sort, down: ["score", "change"].includes(event.target.value) })}>
              {HEADS.map(([name, label]) => (
                <option key={name} value={name}>
                  {label}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {rows.length === 0 ? (
        <Empty>{all.length === 0 ? "Nothing has been scanned yet." : "No symbol is like that."}</Empty>
      ) : (
        <Virtual
          label="Symbols"
          rows={rows}
          height={phone ? 66 : 40}
          id={(row) => row.symbol}
          open={(row) => go("symbols", row.symbol)}
          head={phone ? undefined : <Heads sort={sort} set={setSort} />}
          row={(row) => <Line row={row} age={row.barAt === null ? null : Math.round((now - row.barAt) / 1000)} phone={phone} />}
        />
      )}
    </>
  );
}

function Heads({ sort, set }: { sort: { by: Sort; down: boolean }; set: (sort: { by: Sort; down: boolean }) => void }): ReactNode {
  return (
    <div className="row heads symbol" role="row">
      {HEADS.map(([name, label, number]) => (
        <span key={name} role="columnheader" className={number ? "n" : undefined} aria-sort={sort.by === name ? (sort.down ? "descending" : "ascending") : "none"}>
          <button type="button" tabIndex={-1} onClick={() => set({ by: name, down: sort.by === name ? !sort.down : false })}>
            {label} {sort.by === name ? (sort.down ? "↓" : "↑") : ""}
          </button>
        </span>
      ))}
    </div>
  );
}

const AGENT = { ok: "good", starting: "calm", down: "bad", error: "bad" } as const;

const Line = memo(function Line({ row, age, phone }: { row: SymbolRow; age: number | null; phone: boolean }): ReactNode {
  const health = healthOf(row.reason);
  const moved = change(row);
  const held = row.position === null || row.position === 0 ? <span className="faint">–</span> : <Signed value={row.position} shown={quantity(row.position)} />;
  const aged = <span className={age !== null && age > 600 ? "old" : ""}>{duration(age === null ? null : age * 1000)}</span>;
  const name = (
    <b data-symbol={row.symbol}>
      <Text value={row.symbol} most={40} />
    </b>
  );
  if (phone)
    return (
      <div className="symbol small">
        <span role="gridcell">{name}</span>
        <span role="gridcell" className="n" data-price={row.price ?? ""}>
          {price(row.price)}
        </span>
        <span role="gridcell">
          <Spark values={row.spark} width={72} height={20} />
        </span>
        <span role="gridcell" className="reason">
          <Reason value={row.reason} most={40} />
        </span>
        <span role="gridcell" className="n">
          {held}
        </span>
        <span role="gridcell" className="n">
          {aged}
        </span>
      </div>
    );
  return (
    <div className="symbol">
      <span role="gridcell">{name}</span>
      <span role="gridcell" className="n" data-price={row.price ?? ""}>
        {price(row.price)}
      </span>
      <span role="gridcell" className="trend">
        <Spark values={row.spark} /> <Signed value={moved} shown={percent(moved, true)} />
      </span>
      <span role="gridcell" className="reason">
        <Reason value={row.reason} most={80} />
      </span>
      <span role="gridcell" className="n">
        {row.score === null ? "–" : row.score.toFixed(2)}
      </span>
      <span role="gridcell" className="n">
        {held}
      </span>
      <span role="gridcell" className="n">
        {aged}
      </span>
      <span role="gridcell">
        <Chip tone={AGENT[health]}>{health}</Chip>
      </span>
    </div>
  );
});
