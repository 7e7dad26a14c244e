/** Keys, signs, and whose work the page uses. */

import type { ReactNode } from "react";
import { login } from "../live/session";
import { useStore } from "../live/store";
import { KEYS } from "../route";
import { Chip, Text } from "./basic";
import { Dialog } from "./dialog";

export function Help({ close, views }: { close: () => void; views: readonly string[] }): ReactNode {
  const session = useStore(login, (value) => value.session);
  return (
    <Dialog title="Keys and signs" close={close}>
      <dl className="keys">
        {views.slice(0, KEYS.length).map((name, at) => (
          <div key={name}>
            <dt>
              <kbd>{KEYS[at]}</kbd>
            </dt>
            <dd>{name}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>/</kbd>
          </dt>
          <dd>to the filter of the view</dd>
        </div>
        <div>
          <dt>
            <kbd>↑</kbd> <kbd>↓</kbd> <kbd>Enter</kbd>
          </dt>
          <dd>through symbols and events, and open one</dd>
        </div>
        <div>
          <dt>
            <kbd>t</kbd>
          </dt>
          <dd>dark, light, or as the system</dd>
        </div>
        <div>
          <dt>
            <kbd>Shift</kbd> <kbd>H</kbd>
          </dt>
          <dd>halt (asks first)</dd>
        </div>
        <div>
          <dt>
            <kbd>Esc</kbd>
          </dt>
          <dd>close a window</dd>
        </div>
        <div>
          <dt>
            <kbd>?</kbd>
          </dt>
          <dd>this list</dd>
        </div>
      </dl>
      <p className="signs">
        <Chip tone="good">works, holds</Chip> <Chip tone="busy">on its way</Chip> <Chip tone="warn">denied, expired</Chip> <Chip tone="bad">broken</Chip> <Chip tone="calm">nothing</Chip>
      </p>
      <p className="faint">Times are local; hold the pointer over one for UTC.</p>
      <p className="faint">
        Argus <Text value={session?.version ?? ""} most={40} />. Charts: TradingView Lightweight Charts™, Copyright © 2025 TradingView, Inc.{" "}
        <a href="https://www.tradingview.com/" target="_blank" rel="noopener noreferrer">
          https://www.tradingview.com/
        </a>
        . <a href="./licenses.txt">Licences</a>.
      </p>
      <div className="buttons">
        <button type="button" onClick={close} data-focus>
          Close
        </button>
      </div>
    </Dialog>
  );
}
