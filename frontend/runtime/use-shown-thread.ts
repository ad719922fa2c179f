import { useAui, useAuiState } from "@assistant-ui/react";
import { useCallback } from "react";
import { useStore } from "@/lib/store";
import { LOOK } from "./assistant-ui";
import { clearLoadError } from "./history";
import { reloadShown } from "./reload";
import { states } from "./thread-state";
import { fresh } from "./threads";

/** The thread on the screen. `isNew`: nothing of it is stored yet; `retry` loads its messages again. */
export function useShownThread() {
  const aui = useAui();
  const threadId = useAuiState((s) => s.threadListItem.remoteId);
  const isNew = useAuiState((s) => s.threadListItem.status === "new");
  const loading = useAuiState((s) => s.thread.isLoading);
  const error = useStore(states, (all) => (threadId === undefined ? null : (all.get(threadId)?.loadError ?? null)));
  const retry = useCallback(() => {
    if (threadId !== undefined) clearLoadError(threadId);
    void reloadShown(() => aui);
  }, [aui, threadId]);
  return { threadId, isNew, loading, error, retry };
}

/** Returns a function that shows an empty chat. */
export function useNewChat(): () => void {
  const aui = useAui();
  return useCallback(() => {
    fresh.set(null);
    aui.threads.switchToNewThread();
  }, [aui]);
}

/** Returns a function that shows a thread by the server's id, or by assistant-ui's. */
export function useOpenThread(): (threadId: string) => void {
  const aui = useAui();
  return useCallback((threadId) => aui.threads.switchToThread(threadId, LOOK), [aui]);
}
