"use client";
import { useCallback, useSyncExternalStore } from "react";

/** Whether a media query holds, also after it changes; `prerendered` stands for it in the exported page. */
export function useMedia(query: string, prerendered: boolean): boolean {
  const subscribe = useCallback(
    (notify: () => void) => {
      const media = matchMedia(query);
      media.addEventListener("change", notify);
      return () => media.removeEventListener("change", notify);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches, () => prerendered);
}
