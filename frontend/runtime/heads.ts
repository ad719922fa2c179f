/** Keeps, on the server, which branch of a thread is shown. */
import type { ThreadRuntime } from "@assistant-ui/react";
import { patchThread } from "@/stream/api";
import { isStored, serverId } from "./message-ids";
import { isFollowed } from "./thread-states";

const SAVE_MS = 800; // who clicks through ten versions wants the last
const heads = new Map<string, string>();
const timers = new Map<string, ReturnType<typeof setTimeout>>();

/** The server shows this branch by itself. */
export function headIs(threadId: string, messageId: string): void {
  heads.set(threadId, messageId);
}

/** Saves the branch that `thread` shows, whenever it is another. */
export function keepHead(thread: ThreadRuntime, threadId: () => string | undefined): () => void {
  return thread.subscribe(() => {
    const id = threadId();
    const last = thread.getState().messages.at(-1);
    // A branch ends in an answer; one that ends in a question is just about to get one.
    if (id === undefined || last?.role !== "assistant" || isFollowed(id)) return;
    const head = serverId(id, last.id);
    if (!isStored(id, head) || heads.get(id) === head) return;
    heads.set(id, head);
    clearTimeout(timers.get(id));
    timers.set(
      id,
      setTimeout(() => void patchThread(id, { head_id: head }).catch(() => {}), SAVE_MS),
    );
  });
}
