/** Threads that this page keeps alive: the shown one, and those that were left while they run. */
import type { ThreadRuntime } from "@assistant-ui/react";
import { changeState, stateOf, states } from "./thread-state";

export const liveThread = (threadId: string): ThreadRuntime | undefined => stateOf(threadId).live;

export const keepLive = (threadId: string, thread: ThreadRuntime): void => changeState(threadId, { live: thread });

export function dropLive(thread: ThreadRuntime): void {
  for (const [threadId, { live }] of states.get()) if (live === thread) changeState(threadId, { live: undefined });
}
