import { useAui, useAuiState } from "@assistant-ui/react";
import { useEffect, useRef } from "react";
import { useSaved } from "@/lib/use-saved";
import { splitFiles, toFileAttachment } from "./message-files";
import { keepText } from "./thread-state";
import { loadField, saveField } from "./thread-storage";
import { takeUnsent } from "./unsent";
import { useReady } from "./use-ready";

/** The draft's key while the chat is not stored yet, and has no id. */
const NEW = "new";

const saveDraft = (threadId: string, text: string): void =>
  threadId === NEW ? void saveField("draft", NEW, text || undefined) : keepText("draft", threadId, text || undefined);

/**
 * Keeps text that is typed and not sent, and messages that were sent and did not arrive, for each thread and over
 * reloads; images are not kept. Call it once, in the composer.
 */
export function useDraft(): void {
  const aui = useAui();
  const ready = useReady();
  const mainId = useAuiState((s) => s.threads.mainThreadId);
  const threadId = useAuiState((s) => s.threadListItem.remoteId) ?? NEW;
  const text = useAuiState((s) => s.composer.text);
  const shownIn = useRef<string>(undefined);

  useEffect(() => {
    if (!ready || shownIn.current === mainId) return;
    shownIn.current = mainId;
    if (aui.composer.getState().text) return;
    const unsent = takeUnsent(threadId, aui.thread.getState().messages);
    const { words, files } = splitFiles(unsent);
    const draft = [words, loadField("draft", threadId, "")].filter(Boolean).join("\n\n");
    if (draft) aui.composer.setText(draft);
    for (const { name, type, contentType, content } of files.map(toFileAttachment)) void aui.composer.addAttachment({ name, type, contentType, content });
  }, [aui, ready, mainId, threadId]);

  useSaved(mainId, threadId, text, (place) => shownIn.current === place, saveDraft);

  const before = useRef({ mainId, threadId });
  useEffect(() => {
    const { mainId: sameId, threadId: was } = before.current;
    before.current = { mainId, threadId };
    const stored = sameId === mainId && was === NEW && threadId !== NEW;
    if (stored) saveDraft(NEW, "");
  }, [mainId, threadId]);
}
