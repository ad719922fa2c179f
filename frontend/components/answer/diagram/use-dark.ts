import { useSyncExternalStore } from "react";

/** Whether the page is dark, by the class on its root. */
export function useDark(): boolean {
  return useSyncExternalStore(onClassChange, isDark, () => false);
}

const isDark = () => document.documentElement.classList.contains("dark");

function onClassChange(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ["class"] });
  return () => observer.disconnect();
}
