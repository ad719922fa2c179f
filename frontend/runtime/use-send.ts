import { useAui, useAuiState } from "@assistant-ui/react";
import { useStore } from "@/lib/store";
import { attached, isAttaching } from "./attachments";
import { failedToLoad } from "./history";
import { liveThread } from "./live";
import { filesOf, withFiles } from "./message-files";
import { imagesOf } from "./message-images";
import { addPending } from "./pending";
import { isKnown, states } from "./thread-state";

const COMPLETE = { type: "complete" } as const;

/**
 * Sends what the composer holds, and the files that are just being put into it, now or behind the answer that runs;
 * `atOnce` in its place, whatever the user chose.
 * Does nothing while it holds nothing, or while the thread's messages could not be loaded.
 */
export function useSend(): { send: (atOnce?: boolean) => Promise<void>; canSend: boolean } {
  const aui = useAui();
  const threadId = useAuiState((s) => s.threadListItem.remoteId);
  const broken = useStore(states, () => failedToLoad(threadId));
  const canSend = useAuiState((s) => s.composer.canSend) && !broken;
  /** False: a file was refused, or another thread is shown by now; then it stays where it was written. */
  const complete = async () => {
    const { mainThreadId } = aui.threads.getState();
    return (await attached()) && aui.threads.getState().mainThreadId === mainThreadId;
  };
  const send = async (atOnce = false) => {
    if (isAttaching() ? !(await complete()) : !aui.composer.getState().canSend) return;
    if (failedToLoad(aui.threadListItem.getState().remoteId)) return;
    if (!aui.thread.getState().isRunning) return aui.composer.send();
    const { remoteId } = await aui.threadListItem.initialize();
    if (!isKnown(remoteId)) return; // deleted in another tab: its answer is about to end
    const composer = liveThread(remoteId)?.composer; // what `aui` says of it comes with the next drawing
    const { text, attachments, isEmpty } = composer?.getState() ?? aui.composer.getState();
    if (isEmpty) return; // it was sent twice
    const whole = { content: [], attachments: attachments.map((each) => ({ ...each, content: each.content ?? [], status: COMPLETE })) };
    await aui.composer.reset();
    addPending(remoteId, withFiles(text, filesOf(whole)), imagesOf(whole), atOnce);
  };
  return { send, canSend };
}
