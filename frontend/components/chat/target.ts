"use client";
import { useAui } from "@assistant-ui/react";
import { useEffect, type RefObject } from "react";
import { useOverlays } from "@/components/shell/overlays";
import type { Turn } from "./turns";

const FLASH_MS = 1600;

/** Draws and scrolls to the message that was asked for (a search hit), and marks it for a moment. */
export function useTarget(
  turns: readonly Turn[],
  first: number,
  setDrawn: (messages: number) => void,
  content: RefObject<HTMLElement | null>,
  anchor: (element: HTMLElement, block: "start" | "center") => void,
) {
  const aui = useAui();
  const { target, setTarget } = useOverlays();
  useEffect(() => {
    if (!target) return;
    const messages = aui.thread.getState().messages;
    const index = messages.findIndex((message) => message.id === target);
    const turn = turns.findIndex((each) => index < each.end);
    if (index < 0 || turn < 0) return;
    if (turn < first) return setDrawn(messages.length - (turns[turn]?.start ?? 0));
    const element = content.current?.querySelector<HTMLElement>(`[data-message="${CSS.escape(target)}"]`);
    if (!element) return;
    setTarget(null);
    anchor(element, element.offsetHeight > window.innerHeight / 2 ? "start" : "center");
    element.classList.add("flash");
    setTimeout(() => element.classList.remove("flash"), FLASH_MS);
  }, [aui, target, turns, first, setDrawn, setTarget, content, anchor]);
}
