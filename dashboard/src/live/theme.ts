/** Dark or light: as the system says, or as the switch was left. */

import { Store } from "./store";

export type Theme = "system" | "light" | "dark";
const KEY = "argus-theme";
const ORDER: Theme[] = ["system", "light", "dark"];

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function kept(): Theme {
  try {
    const value = window.localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

export const theme = new Store<Theme>("system");
/** Counts up whenever colours have changed, for what is drawn on a canvas. */
export const colours = new Store(0);

export function setTheme(value: Theme): void {
  theme.set(value);
  if (value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
  try {
    if (value === "system") window.localStorage.removeItem(KEY);
    else window.localStorage.setItem(KEY, value);
  } catch {
    // a browser that keeps nothing
  }
  colours.set(colours.get() + 1);
}

export function nextTheme(): void {
  setTheme(ORDER[(ORDER.indexOf(theme.get()) + 1) % ORDER.length] ?? "system");
}

export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

dark.addEventListener("change", () => colours.set(colours.get() + 1));
setTheme(kept());
