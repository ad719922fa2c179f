import { useAui, useAuiState } from "@assistant-ui/react";
import { useStore } from "@/lib/store";
import { isUnknown, loadErrors } from "./history";
import { imagesOf } from "./message-images";
import { addPending } from "./pending";

/**
 * Sends what the composer holds, now or behind the answer that runs; `atOnce` in its place, whatever the user chose.
 * Does nothing while it holds nothing, or while the thread's messages could not be loaded.
 */
export function useSend(): { send: (atOnce?: boolean) => Promise<void>; canSend: boolean } {
  const aui = useAui();
  const threadId = useAuiState((s) => s.threadListItem.remoteId);
  const unknown = useStore(loadErrors, () => isUnknown(threadId));
  const canSend = useAuiState((s) => s.composer.canSend) && !unknown;
  const send = async (atOnce = false) => {
    if (!aui.composer.getState().canSend || isUnknown(aui.threadListItem.getState().remoteId)) return;
    if (!aui.thread.getState().isRunning) return aui.composer.send();
    const { remoteId } = await aui.threadListItem.initialize();
    const { text, attachments } = aui.composer.getState();
    const content = attachments.flatMap((attachment) => attachment.content ?? []);
    await aui.composer.reset();
    addPending(remoteId, text, imagesOf({ content, attachments: [] }), atOnce);
  };
  return { send, canSend };
}
