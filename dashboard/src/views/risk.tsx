import { type ReactNode, useState } from "react";
import { money, percent, plain, words } from "../format";
import { askHalt } from "../live/halt";
import { path } from "../live/api";
import { useLive, useNow, useOperator, useRemote } from "../live/session";
import { Card, Chip, Empty, Meter, Table, Text, Tile, Time, Waiting } from "../parts/basic";
import { Ask, type Command } from "../parts/dialog";
import { type Plain, items, list, number, record, text } from "../wire";
import { figure } from "./symbol";

export default function Risk(): ReactNode {
  const currency = useLive((state) => state.account?.currency ?? "");
  const remote = useRemote("api/risk", ["cycle", "locks"]);
  const locks = useRemote("api/locks", ["locks"]);
  const operator = useOperator();
  const now = useNow(5000);
  const [asked, setAsked] = useState<Command | null>(null);
  const body = record(remote.body);
  const limits = list(body.limits).map(record);
  const latches = list(body.latches).map(record);
  const book = record(body.portfolio);
  const state = text(record(body.state).name ?? body.state).toUpperCase();
  const halted = state === "HALTED" || latches.length > 0;

  return (
    <>
      <h1>Risk</h1>
      <div className="split">
        <Card title="Kill switch">
          <Waiting of={remote}>
            <p className="big">
              <Chip tone={halted ? "bad" : state === "REDUCING" ? "warn" : "good"}>{halted ? "Halted" : state === "REDUCING" ? "Reducing only" : words(state || "active")}</Chip>
            </p>
            {latches.map((one, at) => (
              <p key={at}>
                Latched <Time at={text(one.at) || null} now={now} /> by <Text value={text(one.who ?? one.code)} most={60} />
                {text(one.reason) !== "" && (
                  <>
                    : <Text value={text(one.reason)} most={200} />
                  </>
                )}
                {one.value != null && (
                  <span className="faint">
                    {" "}
                    {figure(one.value, "", currency)} of {figure(one.threshold, "", currency)}
                  </span>
                )}
              </p>
            ))}
            {operator && (
              <div className="buttons left">
                <button type="button" className="halt" onClick={askHalt}>
                  ■ Halt…
                </button>
                <button
                  type="button"
                  disabled={!halted}
                  onClick={() =>
                    setAsked({
                      address: "api/engine/reset-kill-switch",
                      title: "Reset the kill switch",
                      act: "Reset",
                      explain: <p>Trading goes on as after a resume, and new risk may be taken again.</p>,
                      danger: true,
                    })
                  }
                >
                  Reset…
                </button>
              </div>
            )}
          </Waiting>
        </Card>
        <Card title="Locks">
          <Waiting of={locks}>
            <Table
              label="Locks"
              rows={items(locks.body)}
              id={(row, at) => text(row.id) || at}
              none="Nothing is locked."
              columns={[
                { name: "Symbol", cell: (row) => <Text value={text(row.symbol) || "all"} most={24} /> },
                { name: "Side", cell: (row) => <Text value={text(row.side) || "both"} most={10} /> },
                { name: "By", cell: (row) => <Text value={text(row.code)} most={40} /> },
                { name: "Until", cell: (row) => <Time at={text(row.until_at ?? row.until) || null} now={now} /> },
                { name: "Why", long: true, cell: (row) => <Text value={text(row.reason)} most={80} /> },
                {
                  name: "",
                  cell: (row) =>
                    operator ? (
                      <button type="button" data-lock={text(row.id)} onClick={() => setAsked(removing(row))}>
                        Remove…
                      </button>
                    ) : null,
                },
              ]}
            />
          </Waiting>
        </Card>
        <Card title="Limits: used of what is allowed" className="broad">
          <Waiting of={remote}>
            {limits.length === 0 ? (
              <Empty>
                <Text value={text(body.why) || "No limits are set on the account as a whole."} most={300} />
              </Empty>
            ) : (
              <ul className="limits">
                {limits.map((one, at) => {
                  const name = text(one.name ?? one.key);
                  const share = number(one.share);
                  const unit = text(one.unit);
                  const used = figure(one.used, unit, currency);
                  const allowed = figure(one.allowed ?? one.threshold, unit, currency);
                  return (
                    <li key={name || at} data-limit={name}>
                      <span className="name">
                        <Text value={words(name)} most={60} />
                      </span>
                      <Meter share={share} label={`${words(name)}: ${used} of ${allowed}`} />
                      <span className="n">
                        {used} <span className="faint">of {allowed}</span>
                      </span>
                      <span className="n share">{share === null ? "not known" : percent(share)}</span>
                    </li>
                  );
                })}
              </ul>
            )}
          </Waiting>
        </Card>
      </div>
      {book.gross !== undefined && (
        <Card title="What the whole book risks">
          <dl className="tiles small">
            <Tile name={`Held ${currency}`}>{money(number(book.gross))}</Tile>
            <Tile name={`Margin ${currency}`}>{money(number(book.margin))}</Tile>
            <Tile name="Leverage">{number(book.leverage) === null ? "–" : `${plain(number(book.leverage))} ×`}</Tile>
            <Tile name={`Value at risk ${percent(number(body.var_level))}`} note={`${plain(number(body.var_horizon), 0)} bars ahead`}>
              {percent(number(book.var))}
            </Tile>
            <Tile name="Beyond it, on average">{percent(number(book.cvar))}</Tile>
            <Tile name="Worst shock" note={<Text value={text(book.scenario)} most={60} />}>
              {percent(number(book.stress))}
            </Tile>
          </dl>
          {list(book.missing).length > 0 && (
            <p className="down">
              Without <Text value={list(book.missing).map(text).join(", ")} most={300} />: no price, rate or instrument.
            </p>
          )}
        </Card>
      )}
      {asked !== null && <Ask command={asked} close={() => setAsked(null)} />}
    </>
  );
}

function removing(lock: Plain): Command {
  return {
    address: path`api/locks/${text(lock.id)}/remove`,
    title: "Remove a lock",
    act: "Remove",
    explain: (
      <p>
        <Text value={text(lock.code)} most={60} /> on <Text value={text(lock.symbol) || "every symbol"} most={40} />: <Text value={text(lock.reason)} most={200} />
      </p>
    ),
    danger: true,
  };
}
