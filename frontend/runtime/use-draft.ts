import { useAui, useAuiState } from "@assistant-ui/react";
import { useEffect, useRef } from "react";
import { load, save } from "@/lib/storage";
import { useReady } from "./use-ready";

const SAVE_MS = 300;

/** Keeps what is typed and not sent, thread by thread, over reloads; not images. Call it once, in the composer. */
export function useDraft(): void {
  const aui = useAui();
  const ready = useReady();
  const mainId = useAuiState((s) => s.threads.mainThreadId);
  const threadId = useAuiState((s) => s.threadListItem.remoteId) ?? "new";
  const text = useAuiState((s) => s.composer.text);
  const shownIn = useRef<string>(undefined);

  useEffect(() => {
    if (!ready || shownIn.current === mainId) return;
    shownIn.current = mainId;
    const draft = load(`draft.${threadId}`, "");
    if (draft && !aui.composer.getState().text) aui.composer.setText(draft);
  }, [aui, ready, mainId, threadId]);

  useEffect(() => {
    if (shownIn.current !== mainId) return;
    const timer = setTimeout(() => save(`draft.${threadId}`, text || undefined), text ? SAVE_MS : 0);
    return () => clearTimeout(timer);
  }, [mainId, threadId, text]);

  const before = useRef({ mainId, threadId });
  useEffect(() => {
    const { mainId: sameId, threadId: was } = before.current;
    before.current = { mainId, threadId };
    const stored = sameId === mainId && was === "new" && threadId !== "new";
    if (stored) save("draft.new", undefined);
  }, [mainId, threadId]);
}
