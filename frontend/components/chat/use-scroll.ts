"use client";
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";

/** A view that is closer to the end than this, less than two lines, counts as being there. */
const NEAR_PX = 48;

/**
 * The scrolling of one thread: `anchor` puts an element at the top (or in the middle), `jump` goes to the end.
 *
 * Nothing moves by itself except: a thread opens at its newest message, a turn that begins is put at the top, and after
 * "jump to newest" the view follows the end until the user scrolls up.
 */
export function useScroll(viewport: RefObject<HTMLElement | null>, content: RefObject<HTMLElement | null>) {
  const [atEnd, setAtEnd] = useState(true);
  const following = useRef(false);
  const lastTop = useRef(0);
  useEffect(() => {
    const view = viewport.current;
    const inner = content.current;
    if (!view || !inner) return;
    const look = () => {
      const left = view.scrollHeight - view.scrollTop - view.clientHeight;
      if (view.scrollTop < lastTop.current - 1 && left > NEAR_PX) following.current = false;
      lastTop.current = view.scrollTop;
      setAtEnd(left <= NEAR_PX);
    };
    const grown = () => {
      if (following.current) view.scrollTo({ top: view.scrollHeight, behavior: "instant" });
      look();
    };
    const observer = new ResizeObserver(grown);
    observer.observe(inner);
    observer.observe(view);
    view.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      view.removeEventListener("scroll", look);
    };
  }, [viewport, content]);
  const jump = useCallback(() => {
    const view = viewport.current;
    if (!view) return;
    following.current = true;
    view.scrollTo({ top: view.scrollHeight, behavior: "instant" });
  }, [viewport]);
  const anchor = useCallback((element: HTMLElement, block: "start" | "center" = "start") => {
    following.current = false;
    element.scrollIntoView({ block, behavior: "instant" });
  }, []);
  return { atEnd, jump, anchor };
}

/** Returns a function to call before more is drawn at the top, so that the text being read keeps its place. */
export function useKeepPlace(viewport: RefObject<HTMLElement | null>) {
  const fromEnd = useRef<number | null>(null);
  useLayoutEffect(() => {
    const view = viewport.current;
    if (view && fromEnd.current !== null) view.scrollTo({ top: view.scrollHeight - fromEnd.current, behavior: "instant" });
    fromEnd.current = null;
  });
  return useCallback(() => {
    const view = viewport.current;
    if (view) fromEnd.current = view.scrollHeight - view.scrollTop;
  }, [viewport]);
}
