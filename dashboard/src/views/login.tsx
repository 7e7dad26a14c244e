/** The way in: a one-time code behind the address has been tried already, here is the token's field. */

import { type ReactNode, useState } from "react";
import { enter, login } from "../live/session";
import { useStore } from "../live/store";
import { Failed } from "../parts/dialog";

export function Login(): ReactNode {
  const why = useStore(login, (value) => value.why);
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  return (
    <main className="login" data-view="login">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setBusy(true);
          void enter({ token: token.trim() }).finally(() => setBusy(false));
        }}
      >
        <h1>
          <img src="./icon.svg" alt="" width="40" height="40" /> Argus
        </h1>
        <input name="username" autoComplete="username" defaultValue="argus" hidden readOnly />
        <p className="field">
          <label htmlFor="token">Token</label>
          <input id="token" type="password" value={token} autoFocus autoComplete="current-password" spellCheck={false} onChange={(event) => setToken(event.target.value)} />
          <small>It is in the file that `run` and `serve` name when they start. The address they print lets you in without it, once.</small>
        </p>
        {why !== "" && <Failed>{why}</Failed>}
        <div className="buttons">
          <button type="submit" className="primary" disabled={busy || token.trim() === ""}>
            {busy ? "Asking…" : "Log in"}
          </button>
        </div>
      </form>
    </main>
  );
}
