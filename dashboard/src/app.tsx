/** The frame around every view: state, connection, banners, navigation, the halt button. */

import { type ReactNode, useEffect, useRef, useState } from "react";
import { duration, money, moment, percent } from "./format";
import { askHalt, halt } from "./live/halt";
import { silence } from "./live/connection";
import { leave, link, login, useLive, useNow, useOperator } from "./live/session";
import { useStore } from "./live/store";
import { nextTheme, theme } from "./live/theme";
import { Failure } from "./parts/failure";
import { Chip, Empty, Signed, Text } from "./parts/basic";
import { HaltPanel } from "./parts/haltpanel";
import { Help } from "./parts/help";
import { Navigation } from "./parts/navigation";
import Backtests from "./views/backtests";
import Engine from "./views/engine";
import Events from "./views/events";
import { Login } from "./views/login";
import Orders from "./views/orders";
import Overview from "./views/overview";
import Performance from "./views/performance";
import Research from "./views/research";
import Risk from "./views/risk";
import Setup from "./views/setup";
import OneSymbol from "./views/symbol";
import Symbols from "./views/symbols";
import { KEYS, go, to, useRoute } from "./route";

export const VIEWS = [
  ["overview", "Overview", Overview],
  ["symbols", "Symbols", Symbols],
  ["orders", "Positions", Orders],
  ["risk", "Risk", Risk],
  ["events", "Events", Events],
  ["engine", "Engine", Engine],
  ["backtests", "Backtests", Backtests],
  ["performance", "Performance", Performance],
  ["setup", "Setup", Setup],
  ["research", "Research", Research],
] as const;

export function App(): ReactNode {
  const { session, asked } = useStore(login, (value) => value);
  if (!asked) return <Empty>Loading…</Empty>;
  return session === null ? <Login /> : <Shell />;
}

function Shell(): ReactNode {
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const main = useRef<HTMLElement>(null);
  const found = VIEWS.find(([name]) => name === route.view);
  const title = route.view === "symbols" && route.rest !== "" ? route.rest : (found?.[1] ?? "Not found");

  useEffect(() => {
    document.title = `${title.slice(0, 40)} · Argus`;
    window.scrollTo({ top: 0 });
  }, [title, route.rest]);
  useShortcuts(() => setHelp((shown) => !shown));

  const View = found?.[2];
  return (
    <>
      <a
        className="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <Header help={() => setHelp(true)} />
      <Navigation views={VIEWS} current={route.view} />
      <Banners />
      <HaltPanel />
      <main id="content" ref={main} tabIndex={-1} data-view={route.view}>
        <Failure key={route.view + route.rest}>
          {route.view === "symbols" && route.rest !== "" ? (
            <OneSymbol key={route.rest} symbol={route.rest} />
          ) : View !== undefined ? (
            <View route={route} />
          ) : (
            <Empty>There is no such view.</Empty>
          )}
        </Failure>
      </main>
      {help && <Help close={() => setHelp(false)} views={VIEWS.map(([, label]) => label)} />}
    </>
  );
}

const TONES: Record<string, "good" | "warn" | "bad" | "calm" | "busy"> = {
  running: "good",
  paused: "warn",
  initializing: "busy",
  error: "bad",
  emergency: "bad",
};

function Header({ help }: { help: () => void }): ReactNode {
  const engine = useLive((state) => state.engine);
  const account = useLive((state) => state.account);
  const chosen = useStore(theme, (value) => value);
  const operator = useOperator();
  return (
    <header className="top">
      <a className="brand" href={to("overview")}>
        <img src="./icon.svg" alt="" width="24" height="24" /> <span>Argus</span>
      </a>
      <span className="state" data-engine={engine.state}>
        <Chip tone={TONES[engine.state] ?? "calm"}>{engine.state || "no engine"}</Chip>
      </span>
      {account !== null && (
        <span className="equity" title="Equity, and today's profit or loss">
          <b>{money(account.equity)}</b> <span className="unit">{account.currency}</span>{" "}
          <Signed value={account.dayPl} shown={money(account.dayPl, true)} />{" "}
          {account.drawdown !== null && account.drawdown > 0.0005 && <span className="faint fall">{percent(-account.drawdown)} from the peak</span>}
        </span>
      )}
      <LinkState />
      <span className="tools">
        <button type="button" className="quiet" onClick={nextTheme} title={`Colours: ${chosen}. Press for the next.`}>
          {chosen === "dark" ? "☾" : chosen === "light" ? "☀" : "◐"}
          <span className="hidden"> Colours: {chosen}</span>
        </button>
        <button type="button" className="quiet" onClick={help} title="Keys and explanations (?)">
          ?<span className="hidden"> Keys and explanations</span>
        </button>
        <button type="button" className="quiet leave" onClick={() => void leave()} title="Log out">
          Log out
        </button>
        {operator ? (
          <button type="button" className="halt" id="halt" onClick={askHalt}>
            <span aria-hidden="true">■ </span>HALT
          </button>
        ) : (
          <span className="role">read only</span>
        )}
      </span>
    </header>
  );
}

/** How the page is connected; for programs also the numbers behind it. */
function LinkState(): ReactNode {
  const now = useNow();
  const found = useStore(link, (value) => value);
  const { seq, gaps, repeats, skipped, received, runId } = useLive((state) => state);
  const quiet = silence(found, useActive(), now) > 0;
  const tone = found.state === "down" ? "bad" : found.state === "connecting" ? "busy" : quiet ? "warn" : "good";
  const word = found.state === "open" ? (quiet ? "quiet" : "live") : found.state === "down" ? "offline" : "connecting";
  return (
    <span
      className="link"
      id="link"
      data-state={found.state}
      data-seq={seq}
      data-gaps={gaps.length}
      data-repeats={repeats}
      data-skipped={skipped}
      data-received={received}
      data-reconnects={found.reconnects}
      data-run={runId}
      title={`Event ${seq} of run ${runId || "–"}. Missing: ${gaps.length}. Repeated: ${repeats}. Connections lost: ${found.reconnects}.`}
    >
      <Chip tone={tone}>{word}</Chip>
    </span>
  );
}

function Banners(): ReactNode {
  const now = useNow();
  const found = useStore(link, (value) => value);
  const simulated = useLive((state) => state.simulated);
  const orderly = useLive((value) => value.engine.orderly);
  const gaps = useLive((value) => value.gaps);
  const repeats = useLive((value) => value.repeats);
  const silent = silence(found, useActive(), now);
  const last = gaps[gaps.length - 1];
  return (
    <div className="banners" aria-live="polite">
      {simulated && (
        <p className="banner simulated" id="simulated">
          SIMULATED: the market and the money are not real.
        </p>
      )}
      {found.state === "down" && (
        <p className="banner warn" id="offline">
          <b>Offline:</b> {found.why}. Trying again every 3 s, asking for the numbers every 5 s. What is shown is of {moment(new Date(found.heardAt).toISOString(), now)}.
        </p>
      )}
      {silent > 0 && (
        <p className="banner warn" id="stale">
          <b>Stale:</b> nothing has come for {duration(silent)}. What you see may be old.
        </p>
      )}
      {!orderly && (
        <p className="banner error" id="died">
          <b>The engine has died</b> without ending its run. Stops at the venue stand; nothing watches them here.
        </p>
      )}
      {last !== undefined && (
        <p className="banner error" id="gap">
          <b>Events are missing:</b> {gaps.length === 1 ? `${last.from} to ${last.to}` : `${gaps.length} times, last ${last.from} to ${last.to}`}. What is shown may be wrong;{" "}
          <button type="button" onClick={() => window.location.reload()}>
            load the page again
          </button>
        </p>
      )}
      {repeats > 0 && (
        <p className="banner error" id="repeated">
          <b>Events came twice</b> ({repeats}); the second ones were ignored.
        </p>
      )}
      <HaltStrip />
    </div>
  );
}

/** Whether an engine runs, so that something has to come. */
function useActive(): boolean {
  return useLive((state) => !["", "idle", "stopped"].includes(state.engine.state));
}

/** The way back to a halt that goes on while its window is closed. */
function HaltStrip(): ReactNode {
  const { phase, open } = useStore(halt, (value) => value);
  if (open || phase === "idle" || phase === "asking") return null;
  return (
    <p className="banner error">
      <b>Halt:</b> <Text value={phase} />{" "}
      <button type="button" onClick={askHaltAgain}>
        Show
      </button>
    </p>
  );
}

function askHaltAgain(): void {
  halt.set({ ...halt.get(), open: true });
}

function useShortcuts(help: () => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
      if (target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName)) return;
      const view = VIEWS[KEYS.indexOf(event.key)];
      if (view !== undefined) go(view[0]);
      else if (event.key === "?") help();
      else if (event.key === "t") nextTheme();
      else if (event.key === "H" && login.get().session?.role === "operator") askHalt();
      else if (event.key === "/") document.querySelector<HTMLElement>("[data-filter]")?.focus();
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [help]);
}
