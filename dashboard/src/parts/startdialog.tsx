/** What a new run is started with; what is left open is as the server was configured. */

import { type ReactNode, useId, useState } from "react";
import { visible } from "../format";
import { ApiError } from "../live/api";
import { answered, newKey, refusal } from "../live/commands";
import { api, useRemote } from "../live/session";
import { items, record, text } from "../wire";
import { Dialog, Failed, ReasonField } from "./dialog";

export function Start({ close }: { close: () => void }): ReactNode {
  const id = useId();
  const presets = items(useRemote("api/presets").body).map((one) => text(one.name));
  const strategies = items(useRemote("api/strategies").body).map((one) => text(one.name));
  const [symbols, setSymbols] = useState("");
  const [preset, setPreset] = useState("");
  const [strategy, setStrategy] = useState("");
  const [live, setLive] = useState(false);
  const [consent, setConsent] = useState(false);
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [done, setDone] = useState("");
  const [key, setKey] = useState(newKey);

  const start = async (): Promise<void> => {
    setBusy(true);
    setError("");
    const names = symbols.split(/[\s,]+/).filter((one) => one !== "");
    const body = { reason: reason.trim(), symbols: names, preset: preset || null, strategy: strategy || null, mode: live ? "live" : "paper", i_understand_live: live && consent };
    try {
      const told = answered(await api.post("api/engine/start", body, key));
      if (told.state === "REFUSED") setError(text(record(told.answer).reason) || "Refused.");
      else setDone("It is being started.");
    } catch (thrown) {
      setError(refusal(thrown));
      if (thrown instanceof ApiError && thrown.status > 0) setKey(newKey());
    } finally {
      setBusy(false);
    }
  };

  if (done !== "")
    return (
      <Dialog title="Start the engine" close={close}>
        <p role="status">{done}</p>
        <div className="buttons">
          <button type="button" onClick={close} data-focus>
            Close
          </button>
        </div>
      </Dialog>
    );
  return (
    <Dialog title="Start the engine" close={close} danger={live}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <p className="field">
          <label htmlFor={`${id}-symbols`}>Symbols, with commas</label>
          <input id={`${id}-symbols`} value={symbols} placeholder="as configured" autoComplete="off" onChange={(event) => setSymbols(event.target.value)} />
        </p>
        <Choice label="Preset" value={preset} names={presets} change={setPreset} />
        <Choice label="Strategy" value={strategy} names={strategies} change={setStrategy} />
        <p className="field">
          <label htmlFor={`${id}-mode`}>Mode</label>
          <select id={`${id}-mode`} value={live ? "live" : "paper"} onChange={(event) => setLive(event.target.value === "live")}>
            <option value="paper">paper</option>
            <option value="live">live: real money</option>
          </select>
        </p>
        {live && (
          <p className="field check">
            <label>
              <input type="checkbox" checked={consent} onChange={(event) => setConsent(event.target.checked)} /> I understand that real money is at risk.
            </label>
          </p>
        )}
        <ReasonField value={reason} change={setReason} />
        {error !== "" && <Failed>{error}</Failed>}
        <div className="buttons">
          <button type="button" onClick={close}>
            Back
          </button>
          <button type="submit" className={live ? "halt" : "primary"} disabled={busy || reason.trim() === "" || (live && !consent)}>
            {busy ? "Sending…" : live ? "Start with real money" : "Start"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Choice({ label, value, names, change }: { label: string; value: string; names: readonly string[]; change: (value: string) => void }): ReactNode {
  const id = useId();
  return (
    <p className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => change(event.target.value)}>
        <option value="">as configured</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {visible(name, 60)}
          </option>
        ))}
      </select>
    </p>
  );
}
