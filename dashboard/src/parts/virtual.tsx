/** A long list of which only what is on the screen is drawn. Arrow keys move through it, Enter opens. */

import { type KeyboardEvent, type ReactNode, useEffect, useId, useLayoutEffect, useRef, useState } from "react";

const AROUND = 6;

export interface Window {
  from: number;
  to: number;
}

export function windowOf(top: number, view: number, height: number, count: number): Window {
  const from = Math.max(0, Math.floor(top / height) - AROUND);
  const to = Math.min(count, Math.ceil((top + view) / height) + AROUND);
  return { from: Math.min(from, to), to };
}

export function Virtual<T>({
  label,
  rows,
  height,
  id,
  row,
  open,
  head,
  follow = false,
  scrolled,
}: {
  label: string;
  rows: readonly T[];
  height: number;
  id: (row: T) => string | number;
  row: (row: T) => ReactNode;
  open: (row: T) => void;
  head?: ReactNode;
  /** Stays at the last row while rows are added. */
  follow?: boolean;
  /** Told when a person scrolls: whether the end is in sight. */
  scrolled?: (atEnd: boolean) => void;
}): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const name = useId();
  const [top, setTop] = useState(0);
  const [view, setView] = useState(600);
  const [active, setActive] = useState(-1);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const watch = new ResizeObserver(() => setView(element.clientHeight));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = box.current;
    if (follow && element !== null) element.scrollTop = element.scrollHeight;
  }, [follow, rows]);

  const move = (to: number): void => {
    const at = Math.min(Math.max(to, 0), rows.length - 1);
    setActive(at);
    const element = box.current;
    if (element === null) return;
    const above = head === undefined ? 0 : height;
    if (at * height < element.scrollTop) element.scrollTop = at * height;
    else if ((at + 1) * height + above > element.scrollTop + element.clientHeight) element.scrollTop = (at + 1) * height + above - element.clientHeight;
  };

  const pressed = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(view / height) - 1);
    const steps: Record<string, number> = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: rows.length - 1 };
    const to = steps[event.key];
    const current = rows[active];
    if (to !== undefined) move(to);
    else if (event.key === "Enter" && current !== undefined) open(current);
    else return;
    event.preventDefault();
  };

  const { from, to } = windowOf(top, view, height, rows.length);
  return (
    <div
      ref={box}
      className="virtual"
      role="grid"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={rows.length}
      aria-activedescendant={active >= from && active < to ? `${name}${active}` : undefined}
      onKeyDown={pressed}
      onFocus={() => active < 0 && rows.length > 0 && setActive(from === 0 ? 0 : from + AROUND)}
      onScroll={(event) => {
        const element = event.currentTarget;
        setTop(element.scrollTop);
        scrolled?.(element.scrollTop + element.clientHeight >= element.scrollHeight - height / 2);
      }}
    >
      {head}
      <div className="rows" role="presentation" style={{ height: rows.length * height }}>
        {rows.slice(from, to).map((one, at) => (
          <div
            key={id(one)}
            id={`${name}${from + at}`}
            role="row"
            aria-rowindex={from + at + 1}
            className={from + at === active ? "row active" : "row"}
            style={{ height, transform: `translateY(${(from + at) * height}px)` }}
            onClick={() => open(one)}
          >
            {row(one)}
          </div>
        ))}
      </div>
    </div>
  );
}
