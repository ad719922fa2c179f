"use client";
import { useSyncExternalStore } from "react";
import { load, save } from "@/lib/storage";

export type Theme = "system" | "light" | "dark";

const KEY = "theme";
const DARK = "(prefers-color-scheme: dark)";
const CHANGED = "sluice-theme";

/** The user's choice and how to change it. The script in the layout applies it before the first paint. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  return [useSyncExternalStore(subscribe, chosen, () => "system"), choose];
}

export function isDark(theme: Theme): boolean {
  return theme === "dark" || (theme === "system" && matchMedia(DARK).matches);
}

/** A choice that the browser cannot keep; it lasts as long as the page. */
const unkept: { theme?: Theme } = {};

function chosen(): Theme {
  const theme = unkept.theme ?? load<unknown>(KEY, "system");
  return theme === "light" || theme === "dark" ? theme : "system";
}

function choose(theme: Theme) {
  const kept = save(KEY, theme === "system" ? undefined : theme);
  unkept.theme = kept ? undefined : theme;
  window.dispatchEvent(new Event(CHANGED));
}

/** Applies the theme when it changes: here, in another tab, or in the system. */
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
