/** The views: all of them in a row, on a phone the first few and a button that opens the others. */

import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { to } from "../route";
import { PHONE, useMedia } from "./media";

/** So many stand below the thumb. */
const FIRST = 4;

type Entry = readonly [name: string, label: string, ...more: unknown[]];

export function Navigation({ views, current }: { views: readonly Entry[]; current: string }): ReactNode {
  const phone = useMedia(PHONE);
  const shown = phone ? views.slice(0, FIRST) : views;
  const rest = phone ? views.slice(FIRST) : [];
  return (
    <nav className="views" aria-label="Views">
      {shown.map((one) => (
        <Link key={one[0]} view={one} current={current} />
      ))}
      {rest.length > 0 && <More key={current} views={rest} current={current} />}
    </nav>
  );
}

function Link({ view: [name, label], current, pressed }: { view: Entry; current: string; pressed?: () => void }): ReactNode {
  return (
    <a href={to(name)} aria-current={current === name ? "page" : undefined} onClick={pressed}>
      {label}
    </a>
  );
}

function More({ views, current }: { views: readonly Entry[]; current: string }): ReactNode {
  const [open, setOpen] = useState(false);
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const within = views.find(([name]) => name === current);
  const close = (): void => setOpen(false);

  useEffect(() => {
    if (!open) return;
    const pressed = (event: PointerEvent): void => {
      if (event.target instanceof Node && box.current?.contains(event.target) !== true) setOpen(false);
    };
    document.addEventListener("pointerdown", pressed);
    return () => document.removeEventListener("pointerdown", pressed);
  }, [open]);

  const keyed = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !open) return;
    event.preventDefault();
    close();
    button.current?.focus();
  };

  return (
    <div
      ref={box}
      className="more"
      onKeyDown={keyed}
      onBlur={(event) => {
        if (event.relatedTarget !== null && !event.currentTarget.contains(event.relatedTarget)) close();
      }}
    >
      <button ref={button} type="button" id="more" aria-expanded={open} aria-controls={id} aria-current={within !== undefined ? "page" : undefined} onClick={() => setOpen(!open)}>
        {within?.[1] ?? "More"} <span aria-hidden="true">{open ? "▾" : "▴"}</span>
        {within !== undefined && <span className="hidden"> and other views</span>}
      </button>
      {open && (
        <div className="rest" id={id}>
          {views.map((one) => (
            <Link key={one[0]} view={one} current={current} pressed={close} />
          ))}
        </div>
      )}
    </div>
  );
}
