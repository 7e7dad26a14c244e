/** The parts of a view: each has an address of its own. */

import type { ReactNode } from "react";
import { to } from "../route";

export function Tabs({ view, label, tabs, current, query = {} }: { view: string; label: string; tabs: readonly (readonly [name: string, label: string])[]; current: string; query?: Record<string, string> }): ReactNode {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(([name, words]) => (
        <a key={name} href={to(view, name, query)} aria-current={name === current ? "page" : undefined}>
          {words}
        </a>
      ))}
    </nav>
  );
}
