"use client";
import { useAuiState } from "@assistant-ui/react";
import { useEffect, useState } from "react";
import { answerOf, type Phase } from "@/runtime";

/**
 * The tab's title shows the state of its thread: waiting, answering, or how the answer ended while the tab was hidden.
 */
export function TabTitle() {
  const title = useAuiState((s) => s.threadListItem.title) || "Sluice";
  const running = useAuiState((s) => s.thread.isRunning);
  const phase = useAuiState((s) => {
    const last = s.thread.messages.at(-1);
    return last && answerOf(last)?.phase;
  });
  const unseen = useUnseen(running);
  useEffect(() => {
    document.title = tabTitle(title, running, phase, unseen);
  }, [title, running, phase, unseen]);
  return null;
}

/** `unseen`: the answer ended while the tab was hidden. */
export function tabTitle(title: string, running: boolean, phase: Phase | undefined, unseen: boolean): string {
  if (running) return `${GOING_ON[phase ?? "connecting"] ?? "○ Waiting…"} – ${title}`;
  if (!unseen) return title;
  return phase === "failed" ? `✗ Failed – ${title}` : phase === "cancelled" ? title : `✓ ${title}`;
}

/** All other phases of a run wait, for a place or for a worker. */
const GOING_ON: Partial<Record<Phase, string>> = { answering: "● Answering…", reconnecting: "○ Reconnecting…" };

/** An answer that ended in the background stays unseen until the tab is looked at. */
function useUnseen(running: boolean): boolean {
  const [unseen, setUnseen] = useState(false);
  const [was, setWas] = useState(running);
  if (was !== running) {
    setWas(running);
    setUnseen(!running && document.hidden);
  }
  useEffect(() => {
    const look = () => {
      if (!document.hidden) setUnseen(false);
    };
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  return unseen;
}
