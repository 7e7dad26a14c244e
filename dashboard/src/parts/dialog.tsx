/** Questions before something is done: what, how much, and why. */

import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { ApiError } from "../live/api";
import { type Answered, answered, newKey, refusal } from "../live/commands";
import { api } from "../live/session";
import { record, text } from "../wire";
import { Text } from "./basic";

/** The browser's own modal dialog: it keeps the focus inside and closes by Escape. */
export function Dialog({ title, close, children, danger = false }: { title: string; close: () => void; children: ReactNode; danger?: boolean }): ReactNode {
  const box = useRef<HTMLDialogElement>(null);
  const name = useId();
  useEffect(() => {
    const shown = box.current;
    if (shown !== null && !shown.open) shown.showModal();
    shown?.querySelector<HTMLElement>("[data-focus]")?.focus();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={box}
      className={danger ? "danger" : undefined}
      aria-labelledby={name}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        if (event.target === box.current) close();
      }}
    >
      <div className="inside">
        <h2 id={name}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

export interface Command {
  /** Where it is posted. */
  address: string;
  title: string;
  /** The word on the button that does it. */
  act: string;
  explain: ReactNode;
  danger?: boolean;
  /** Whether a position's share is asked for. */
  fraction?: boolean;
  body?: Record<string, unknown>;
  optional?: boolean;
}

const SHARES = [0.25, 0.5, 1];

/** One command, confirmed with a reason. Until the server has refused, a second click carries the same key and so does
 * nothing more, also where the first answer was lost. */
export function Ask({ command, close }: { command: Command; close: () => void }): ReactNode {
  const [reason, setReason] = useState("");
  const [share, setShare] = useState(1);
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState<Answered | null>(null);
  const [error, setError] = useState("");
  const [key, setKey] = useState(newKey);
  const id = useId();

  const act = async (): Promise<void> => {
    setBusy(true);
    setError("");
    try {
      const body = { ...command.body, reason: reason.trim(), ...(command.fraction ? { fraction: share } : {}) };
      setTold(answered(await api.post(command.address, body, key)));
    } catch (thrown) {
      setError(refusal(thrown));
      if (thrown instanceof ApiError && thrown.status > 0) setKey(newKey());
    } finally {
      setBusy(false);
    }
  };

  if (told !== null)
    return (
      <Dialog key="told" title={command.title} close={close}>
        <Outcome told={told} />
        <div className="buttons">
          <button type="button" onClick={close} data-focus>
            Close
          </button>
        </div>
      </Dialog>
    );
  return (
    <Dialog title={command.title} close={close} danger={command.danger === true}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void act();
        }}
      >
        <div className="explain">{command.explain}</div>
        {command.fraction && (
          <fieldset className="shares">
            <legend>How much of it</legend>
            {SHARES.map((one) => (
              <label key={one}>
                <input type="radio" name={`${id}-share`} checked={share === one} onChange={() => setShare(one)} /> {one * 100} %
              </label>
            ))}
            <label>
              <input
                type="number"
                min={1}
                max={100}
                step={1}
                aria-label="Per cent of the position"
                value={Math.round(share * 100)}
                onChange={(event) => setShare(Math.min(1, Math.max(0.01, event.target.valueAsNumber / 100 || 0.01)))}
              />{" "}
              %
            </label>
          </fieldset>
        )}
        <ReasonField value={reason} change={setReason} optional={command.optional === true} />
        {error !== "" && <Failed>{error}</Failed>}
        <div className="buttons">
          <button type="button" onClick={close}>
            Back
          </button>
          <button type="submit" className={command.danger ? "halt" : "primary"} disabled={busy || (reason.trim() === "" && command.optional !== true)}>
            {busy ? "Sending…" : command.act}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function ReasonField({ value, change, optional = false }: { value: string; change: (value: string) => void; optional?: boolean }): ReactNode {
  const id = useId();
  return (
    <p className="field">
      <label htmlFor={id}>Reason{optional ? " (if there is one)" : ""}</label>
      <input id={id} value={value} maxLength={300} required={!optional} data-focus autoComplete="off" onChange={(event) => change(event.target.value)} />
      <small>Kept with the command, and shown to everyone who looks.</small>
    </p>
  );
}

export function Failed({ children }: { children: string }): ReactNode {
  return (
    <p className="failed" role="alert">
      <span aria-hidden="true">✕ </span>
      <Text value={children} most={500} />
    </p>
  );
}

function Outcome({ told }: { told: Answered }): ReactNode {
  const why = text(record(told.answer).reason) || (typeof told.answer === "string" ? told.answer : "");
  const words: Record<string, string> = { DONE: "Done.", PENDING: "Taken; the engine does it at its next step.", REFUSED: "Refused." };
  return (
    <p role="status" className={told.state === "REFUSED" ? "failed" : undefined}>
      {words[told.state] ?? <Text value={told.state} />} {why !== "" && <Text value={why} most={300} />}
    </p>
  );
}
