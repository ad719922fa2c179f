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
 * Sends what the composer holds, and files that are still being added to it: now, or behind the running answer.
 * `atOnce` sends it in place of that answer, whatever the user chose. Does nothing while the composer is empty, or
 * while the thread's messages could not be loaded.
 */
export function useSend(): { send: (atOnce?: boolean) => Promise<void>; canSend: boolean } {
  const aui = useAui();
  const threadId = useAuiState((s) => s.threadListItem.remoteId);
  const broken = useStore(states, () => failedToLoad(threadId));
  const canSend = useAuiState((s) => s.composer.canSend) && !broken;
  /** False: a file was refused, or another thread is shown by now; then the message stays where it was written. */
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
    const composer = liveThread(remoteId)?.composer; // `aui` has its state only after the next drawing
    const { text, attachments, isEmpty } = composer?.getState() ?? aui.composer.getState();
    if (isEmpty) return; // a second press found it sent already
    const whole = { content: [], attachments: attachments.map((each) => ({ ...each, content: each.content ?? [], status: COMPLETE })) };
    await aui.composer.reset();
    addPending(remoteId, withFiles(text, filesOf(whole)), imagesOf(whole), atOnce);
  };
  return { send, canSend };
}
