import { useAui, useAuiState } from "@assistant-ui/react";
import { useStore } from "@/lib/store";
import { attached, isAttaching } from "./attachments";
import { isUnknown, loadErrors } from "./history";
import { liveThread } from "./live";
import { filesOf, withFiles } from "./message-files";
import { imagesOf } from "./message-images";
import { addPending } from "./pending";

const COMPLETE = { type: "complete" } as const;

/**
 * Sends what the composer holds, and the files that are just being put into it, now or behind the answer that runs;
 * `atOnce` in its place, whatever the user chose.
 * Does nothing while it holds nothing, or while the thread's messages could not be loaded.
 */
export function useSend(): { send: (atOnce?: boolean) => Promise<void>; canSend: boolean } {
  const aui = useAui();
  const threadId = useAuiState((s) => s.threadListItem.remoteId);
  const unknown = useStore(loadErrors, () => isUnknown(threadId));
  const canSend = useAuiState((s) => s.composer.canSend) && !unknown;
  /** False: a file was refused, or another thread is shown by now; then it stays where it was written. */
  const complete = async () => {
    const { mainThreadId } = aui.threads.getState();
    return (await attached()) && aui.threads.getState().mainThreadId === mainThreadId;
  };
  const send = async (atOnce = false) => {
    if (isAttaching() ? !(await complete()) : !aui.composer.getState().canSend) return;
    if (isUnknown(aui.threadListItem.getState().remoteId)) return;
    if (!aui.thread.getState().isRunning) return aui.composer.send();
    const { remoteId } = await aui.threadListItem.initialize();
    const composer = liveThread(remoteId)?.composer; // what `aui` says of it comes with the next drawing
    const { text, attachments, isEmpty } = composer?.getState() ?? aui.composer.getState();
    if (isEmpty) return; // it was sent twice
    const whole = { content: [], attachments: attachments.map((each) => ({ ...each, content: each.content ?? [], status: COMPLETE })) };
    await aui.composer.reset();
    addPending(remoteId, withFiles(text, filesOf(whole)), imagesOf(whole), atOnce);
  };
  return { send, canSend };
}
