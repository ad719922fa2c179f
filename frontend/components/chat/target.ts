"use client";
import { useAui, useAuiState } from "@assistant-ui/react";
import { useEffect, type RefObject } from "react";
import { useOverlays } from "@/components/ui/overlays";
import { showMessage } from "@/runtime";
import type { Turn } from "./turns";

const FLASH_MS = 1600;

/** Shows the target message (a search hit): its branch, its page of the chat, its place, and for a moment a mark. */
export function useTarget(
  turns: readonly Turn[],
  first: number,
  setDrawn: (messages: number) => void,
  content: RefObject<HTMLElement | null>,
  anchor: (element: HTMLElement, block: "start" | "center") => void,
) {
  const aui = useAui();
  const threadId = useAuiState((s) => s.threadListItem.remoteId);
  const { target, setTarget } = useOverlays();
  useEffect(() => {
    const id = target && threadId && showMessage(threadId, target);
    if (!id) return;
    const messages = aui.thread.getState().messages;
    const index = messages.findIndex((message) => message.id === id);
    const turn = turns.findIndex((each) => index < each.end);
    if (index < 0 || turn < 0) return; // the thread is drawn again as soon as the branch is there
    if (turn < first) return setDrawn(messages.length - (turns[turn]?.start ?? 0));
    const element = content.current?.querySelector<HTMLElement>(`[data-message="${CSS.escape(id)}"]`);
    if (!element) return;
    setTarget(null);
    anchor(element, element.offsetHeight > window.innerHeight / 2 ? "start" : "center");
    element.classList.add("flash");
    setTimeout(() => element.classList.remove("flash"), FLASH_MS);
  }, [aui, threadId, target, turns, first, setDrawn, setTarget, content, anchor]);
}
