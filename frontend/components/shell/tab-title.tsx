"use client";
import { useAuiState } from "@assistant-ui/react";
import { useEffect, useState } from "react";

/** The tab says what its thread does: answering, or done while nobody looked. */
export function TabTitle() {
  const title = useAuiState((s) => s.threadListItem.title) || "Sluice";
  const running = useAuiState((s) => s.thread.isRunning);
  const unseen = useUnseen(running);
  useEffect(() => {
    document.title = tabTitle(title, running, unseen);
  }, [title, running, unseen]);
  return null;
}

export function tabTitle(title: string, running: boolean, unseen: boolean): string {
  if (running) return `● Answering… – ${title}`;
  return unseen ? `✓ ${title}` : title;
}

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
