"use client";
import { useCallback, useEffect, useEffectEvent, useLayoutEffect, useRef, useState, type RefObject } from "react";

const GAP = 6;
const EDGE = 8;

/**
 * A panel in the browser's top layer, placed at its button and kept inside the window.
 *
 * A press outside, Escape (the focus goes back to the button) and a change of the window's size close the panel.
 */
export function usePopover<Panel extends HTMLElement>(align: "start" | "end" = "start") {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<Panel>(null);
  const close = useCallback((refocus = true) => {
    setOpen(false);
    if (refocus) button.current?.focus();
  }, []);
  useLayoutEffect(() => {
    if (!open || !panel.current || !button.current) return;
    panel.current.showPopover?.();
    place(panel.current, button.current.getBoundingClientRect(), align);
  }, [open, align]);
  useDismiss(open, close, [button, panel]);
  return { open, setOpen, close, button, panel };
}

function place(panel: HTMLElement, anchor: DOMRect, align: "start" | "end") {
  const { offsetWidth: width, offsetHeight: height } = panel;
  const left = align === "start" ? anchor.left : anchor.right - width;
  const below = anchor.bottom + GAP;
  const fits = below + height + EDGE <= window.innerHeight || anchor.top < height + GAP + EDGE;
  panel.style.left = `${Math.max(EDGE, Math.min(left, window.innerWidth - width - EDGE))}px`;
  panel.style.top = `${fits ? below : anchor.top - height - GAP}px`;
}

function useDismiss(open: boolean, close: (refocus?: boolean) => void, inside: RefObject<HTMLElement | null>[]) {
  const press = useEffectEvent((event: PointerEvent) => {
    if (!inside.some((ref) => ref.current?.contains(event.target as Node))) close(false);
  });
  const key = useEffectEvent((event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    event.preventDefault();
    close();
  });
  const resize = useEffectEvent(() => close(false));
  useEffect(() => {
    if (!open) return;
    const ends = new AbortController();
    const { signal } = ends;
    document.addEventListener("pointerdown", (event) => press(event), { capture: true, signal });
    document.addEventListener("keydown", (event) => key(event), { capture: true, signal });
    window.addEventListener("resize", () => resize(), { signal });
    return () => ends.abort();
  }, [open]);
}
