import { useCallback, useEffect, useRef } from "react";
import { save } from "./storage";
import { useLatest } from "./use-latest";

const SAVE_MS = 300;

/**
 * Saves a text under `key` when the typing rests, and at once where `place`, or the page, is left before that. Nothing
 * while `belongs` says that the text is another place's.
 */
export function useSaved(place: string, key: string, text: string, belongs: (place: string) => boolean): void {
  const unsaved = useRef<{ place: string; key: string; text: string }>(undefined);
  const mine = useLatest(belongs);
  const flush = useCallback(() => {
    const left = unsaved.current;
    unsaved.current = undefined;
    if (left) save(left.key, left.text || undefined);
  }, []);
  useEffect(() => {
    if (unsaved.current?.place !== place || unsaved.current.key !== key) flush();
    if (!mine.current(place)) return;
    unsaved.current = { place, key, text };
    const timer = setTimeout(flush, text ? SAVE_MS : 0);
    return () => clearTimeout(timer);
  }, [flush, mine, place, key, text]);

  useEffect(() => {
    window.addEventListener("pagehide", flush);
    return () => {
      window.removeEventListener("pagehide", flush);
      flush();
    };
  }, [flush]);
}
