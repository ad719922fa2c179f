/** Keeps, on the server, which branch of a thread is shown. */
import type { ThreadRuntime } from "@assistant-ui/react";
import { patchThread } from "@/stream/api";
import { isFollowed } from "./activity";
import { isStored, serverId } from "./message-ids";
import { changeState, schedule, stateOf } from "./thread-state";
import { timer } from "./timer";

const SAVE_MS = 800; // a reader who clicks through ten versions wants only the last one saved

/** The server has this message as the last one of the shown branch. */
export const headIs = (threadId: string, messageId: string): void => changeState(threadId, { head: messageId });

/** Saves the branch that `thread` shows, whenever that changes. */
export function keepHead(thread: ThreadRuntime, threadId: () => string | undefined): () => void {
  return thread.subscribe(() => {
    const id = threadId();
    const last = thread.getState().messages.at(-1);
    // A branch ends in an answer; a branch that ends in a question is about to get one.
    if (id === undefined || last?.role !== "assistant" || isFollowed(id)) return;
    const head = serverId(id, last.id);
    if (!isStored(id, head) || stateOf(id).head === head) return;
    headIs(id, head);
    schedule(id, "head", timer(() => void patchThread(id, { head_id: head }).catch(() => {}), SAVE_MS));
  });
}
