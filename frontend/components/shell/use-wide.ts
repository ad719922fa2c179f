"use client";
import { useSyncExternalStore } from "react";

const WIDE = "(min-width: 768px)";

/** Whether the sidebar has room beside the conversation; below, it is a drawer. */
export function useWide(): boolean {
  return useSyncExternalStore(subscribe, () => matchMedia(WIDE).matches, () => true);
}

function subscribe(notify: () => void) {
  const media = matchMedia(WIDE);
  media.addEventListener("change", notify);
  return () => media.removeEventListener("change", notify);
}
