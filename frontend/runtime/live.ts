/** Threads that this page keeps alive, by their server's id: the shown one, and those left while they run. */
import type { ThreadRuntime } from "@assistant-ui/react";

const live = new Map<string, ThreadRuntime>();

export const liveThread = (threadId: string): ThreadRuntime | undefined => live.get(threadId);

export function keepLive(threadId: string, thread: ThreadRuntime): void {
  live.set(threadId, thread);
}

export function letGo(thread: ThreadRuntime): void {
  for (const [id, one] of live) if (one === thread) live.delete(id);
}
