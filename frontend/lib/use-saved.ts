import { useCallback, useEffect, useRef } from "react";
import { useLatest } from "./use-latest";

const SAVE_MS = 300;

/**
 * Calls `save` with `key` and the text when the typing rests, and at once where `place`, or the page, is left before
 * that. It saves nothing while `belongs` returns false, because then the text is another place's.
 */
export function useSaved(
  place: string,
  key: string,
  text: string,
  belongs: (place: string) => boolean,
  save: (key: string, text: string) => void,
): void {
  const unsaved = useRef<{ place: string; key: string; text: string }>(undefined);
  const isOfPlace = useLatest(belongs);
  const write = useLatest(save);
  const flush = useCallback(() => {
    const left = unsaved.current;
    unsaved.current = undefined;
    if (left) write.current(left.key, left.text);
  }, [write]);
  useEffect(() => {
    if (unsaved.current?.place !== place || unsaved.current.key !== key) flush();
    if (!isOfPlace.current(place)) return;
    unsaved.current = { place, key, text };
    const timer = setTimeout(flush, text ? SAVE_MS : 0);
    return () => clearTimeout(timer);
  }, [flush, isOfPlace, place, key, text]);

  useEffect(() => {
    window.addEventListener("pagehide", flush);
    return () => {
      window.removeEventListener("pagehide", flush);
      flush();
    };
  }, [flush]);
}
