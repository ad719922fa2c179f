"use client";
import { useAui, useAuiState } from "@assistant-ui/react";
import { useEffect } from "react";
import { useStore } from "@/lib/store";
import { useLatest } from "@/lib/use-latest";
import { followedIn, lookElsewhere, seeShown, show } from "./activity";
import { liveThread } from "./live";
import { markStored } from "./message-ids";
import { keepPending } from "./pending";
import { keepFresh, refresh } from "./reload";
import { sawEnd } from "./runs";
import { saveAtOnce } from "./settings";
import { onTabChange, type TabChange } from "./tabs";
import { forget } from "./thread-state";
import { listVersion, readDefaults } from "./threads";

const ELSEWHERE_MS = 5_000;
const TOGETHER_MS = 300; // a turn's start and end may change the list several times

/** Keeps the page in step with itself, with the server and with other tabs. Draws nothing. */
export function Keeper(): null {
  useShown();
  useListReload();
  useOtherTabs();
  useEffect(() => {
    readDefaults();
    const stopPending = keepPending();
    const timer = setInterval(() => document.visibilityState === "visible" && void lookElsewhere(), ELSEWHERE_MS);
    document.addEventListener("visibilitychange", seeShown);
    window.addEventListener("pagehide", saveAtOnce);
    return () => {
      window.removeEventListener("pagehide", saveAtOnce);
      stopPending();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", seeShown);
    };
  }, []);
  return null;
}

function useShown(): void {
  const threadId = useAuiState((s) => s.threadListItem.remoteId);
  useEffect(() => show(threadId), [threadId]);
}

function useListReload(): void {
  const aui = useLatest(useAui());
  const version = useStore(listVersion);
  useEffect(() => {
    if (version === 0) return;
    const timer = setTimeout(() => void aui.current.threads.reload(), TOGETHER_MS);
    return () => clearTimeout(timer);
  }, [version, aui]);
}

/** Shows here what another tab has begun; this tab needs no report of an answer that it follows itself. */
function useOtherTabs(): void {
  const aui = useLatest(useAui());
  useEffect(() => keepFresh(() => aui.current), [aui]);
  useEffect(() => onTabChange((change) => {
    void aui.current.threads.reload();
    apply(change);
  }), [aui]);
}

function apply(change: TabChange): void {
  if (change.type === "list") return;
  if (change.type === "deleted") return forget(change.threadId);
  const { threadId, answerId } = change;
  if (followedIn(threadId) === answerId || sawEnd(threadId, answerId) || !liveThread(threadId)) return;
  markStored(threadId, [answerId]); // a turn that was refused here may have been accepted there
  refresh(threadId);
}
