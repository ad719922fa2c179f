"use client";
import { useCallback, useEffect, useLayoutEffect, useRef, type RefObject } from "react";

/** For a field in a control's place: `control` gets the focus when it is drawn again, if the field had the focus. */
export function useFocusBack(isOpen: boolean) {
  const control = useRef<HTMLButtonElement>(null);
  const wanted = useRef(false);
  useEffect(() => {
    if (isOpen || !wanted.current) return;
    wanted.current = false;
    control.current?.focus();
  }, [isOpen]);
  const closed = useCallback((hadFocus: boolean) => {
    wanted.current = hadFocus;
  }, []);
  return { control, closed };
}

const ROWS = ".thread-item > button:first-child";

/** When a row of the list is removed with the focus in it, the next row gets the focus, else the composer. */
export function useFocusAfter(row: RefObject<HTMLElement | null>): void {
  useLayoutEffect(
    () => () => {
      const gone = row.current; // read at removal: while a title is edited there is no row
      if (gone?.contains(document.activeElement)) leaveFocusTo(heir(gone));
    },
    [row],
  );
}

/** Waits until the row and the dialog that confirmed the removal have left the page: until then all else is inert. */
function leaveFocusTo(next: HTMLElement | null | undefined): void {
  queueMicrotask(() => {
    if (document.activeElement === document.body) next?.focus();
  });
}

function heir(gone: HTMLElement): HTMLElement | null | undefined {
  const rows = [...(gone.closest("nav")?.querySelectorAll<HTMLElement>(ROWS) ?? [])];
  const at = rows.findIndex((button) => gone.contains(button));
  return rows[at + 1] ?? rows[at - 1] ?? document.querySelector<HTMLElement>("[data-composer]");
}
