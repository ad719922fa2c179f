import { useEffect, useState, type KeyboardEvent, type RefObject } from "react";

/** Where a drawing stands: its shift in pixels and how much larger it is than the page makes it. */
export type View = { x: number; y: number; zoom: number };

/** By how much to shift, by which factor to zoom; "home": back to the first view. */
export type Move = { x?: number; y?: number; zoom?: number } | "home";

const HOME: View = { x: 0, y: 0, zoom: 1 };
const STEP = 60; // pixels an arrow key moves

const KEYS: Record<string, Move> = {
  "+": { zoom: 1.25 },
  "=": { zoom: 1.25 },
  "-": { zoom: 0.8 },
  "0": "home",
  ArrowLeft: { x: STEP },
  ArrowRight: { x: -STEP },
  ArrowUp: { y: STEP },
  ArrowDown: { y: -STEP },
};

export function useView(stage: RefObject<HTMLElement | null>) {
  const [view, setView] = useState(HOME);
  const move = (by: Move) => setView((before) => moved(before, by));
  useEffect(() => {
    const element = stage.current;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault(); // React's own wheel listeners cannot do that
      setView((before) => moved(before, { zoom: event.deltaY < 0 ? 1.1 : 1 / 1.1 }));
    };
    element?.addEventListener("wheel", onWheel, { passive: false });
    return () => element?.removeEventListener("wheel", onWheel);
  }, [stage]);
  return { view, move };
}

export function moved(view: View, by: Move): View {
  if (by === "home") return HOME;
  const zoom = Math.min(8, Math.max(0.25, view.zoom * (by.zoom ?? 1)));
  return { x: view.x + (by.x ?? 0), y: view.y + (by.y ?? 0), zoom };
}

export function keyOf(event: KeyboardEvent, move: (by: Move) => void) {
  const by = KEYS[event.key];
  if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  move(by);
}
