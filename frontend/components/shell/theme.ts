"use client";
import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

const KEY = "theme";
const DARK = "(prefers-color-scheme: dark)";
const CHANGED = "sluice-theme";

/** The person's choice and how to change it. The script in the layout draws it before the first paint. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  return [useSyncExternalStore(subscribe, chosen, () => "system"), choose];
}

export function isDark(theme: Theme): boolean {
  return theme === "dark" || (theme === "system" && matchMedia(DARK).matches);
}

function chosen(): Theme {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "system";
}

function choose(theme: Theme) {
  if (theme === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme);
  window.dispatchEvent(new Event(CHANGED));
}

/** Another tab's choice and the system's change count too. */
function subscribe(notify: () => void) {
  const apply = () => {
    document.documentElement.classList.toggle("dark", isDark(chosen()));
    notify();
  };
  const system = matchMedia(DARK);
  window.addEventListener(CHANGED, apply);
  window.addEventListener("storage", apply);
  system.addEventListener("change", apply);
  return () => {
    window.removeEventListener(CHANGED, apply);
    window.removeEventListener("storage", apply);
    system.removeEventListener("change", apply);
  };
}
