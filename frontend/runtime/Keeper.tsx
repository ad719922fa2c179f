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
import { onNews, type News } from "./tabs";
import { forget } from "./thread-state";
import { listVersion, readDefaults } from "./threads";

const ELSEWHERE_MS = 5_000;
const TOGETHER_MS = 300; // a turn's beginning and end may change the list several times

/** Keeps the page in step with itself, with the server and with other tabs. Draws nothing. */
export function Keeper(): null {
  useShown();
  useListReload();
  useOtherTabs();
  useEffect(() => {
    readDefaults();
    const letGo = keepPending();
    const timer = setInterval(() => document.visibilityState === "visible" && void lookElsewhere(), ELSEWHERE_MS);
    document.addEventListener("visibilitychange", seeShown);
    window.addEventListener("pagehide", saveAtOnce);
    return () => {
      window.removeEventListener("pagehide", saveAtOnce);
      letGo();
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

/** What another tab has begun is shown here, too; what this tab follows itself it knows. */
function useOtherTabs(): void {
  const aui = useLatest(useAui());
  useEffect(() => keepFresh(() => aui.current), [aui]);
  useEffect(() => onNews((news) => {
    void aui.current.threads.reload();
    heed(news);
  }), [aui]);
}

function heed(news: News): void {
  if (news.type === "list") return;
  if (news.type === "deleted") return forget(news.threadId);
  const { threadId, answerId } = news;
  if (followedIn(threadId) === answerId || sawEnd(threadId, answerId) || !liveThread(threadId)) return;
  markStored(threadId, [answerId]); // a turn that was refused here may have been asked for again there
  refresh(threadId);
}
