/** Which threads are being answered, and which have an answer that nobody has seen. */
import { useMemo } from "react";
import { createStore, useStore } from "@/lib/store";
import { ApiError, getThread } from "@/stream/api";
import { forgetThread, remember, threads } from "./threads";

export type ThreadState = { running: boolean; unread: boolean };

/** Thread → the answer that this page follows; of other threads the server tells which run. */
const followed = createStore<ReadonlyMap<string, string>>(new Map());
const unread = createStore<ReadonlySet<string>>(new Set());
/** The thread on the screen; undefined: one that is not stored yet. */
export const shown = createStore<string | undefined>(undefined);

const withId = (id: string) => (set: ReadonlySet<string>) => (set.has(id) ? set : new Set(set).add(id));
const withoutId = (id: string) => (set: ReadonlySet<string>) =>
  set.has(id) ? new Set([...set].filter((one) => one !== id)) : set;

export const isFollowed = (threadId: string): boolean => followed.get().has(threadId);

export const followedIn = (threadId: string): string | undefined => followed.get().get(threadId);

export function runBegan(threadId: string, answerId: string): void {
  followed.set((now) => new Map(now).set(threadId, answerId));
}

/** `over`: the job has ended, too; false: this page only looks away. */
export function runEnded(threadId: string, over: boolean): void {
  followed.set((now) => new Map([...now].filter(([id]) => id !== threadId)));
  if (!over) return;
  const thread = threads.get()[threadId];
  if (thread) remember({ ...thread, job: null });
  if (!isSeen(threadId)) unread.set(withId(threadId));
}

const isSeen = (threadId: string) => threadId === shown.get() && document.visibilityState === "visible";

export function show(threadId: string | undefined): void {
  shown.set(threadId);
  seeShown();
}

export function seeShown(): void {
  const threadId = shown.get();
  if (threadId !== undefined && isSeen(threadId)) unread.set(withoutId(threadId));
}

/** Asks the server about threads that run elsewhere: a few, one after the other. */
export async function lookElsewhere(): Promise<void> {
  const elsewhere = Object.values(threads.get()).filter(({ id, job }) => job !== null && !isFollowed(id));
  await Promise.all(
    elsewhere.slice(0, 5).map(async ({ id }) => {
      const thread = await getThread(id).catch((error: unknown) => missed(id, error));
      if (!thread || isFollowed(id)) return;
      remember(thread);
      if (thread.job === null) runEnded(id, true);
    }),
  );
}

/** One that was deleted elsewhere is asked after no more. */
function missed(threadId: string, error: unknown): void {
  if (error instanceof ApiError && error.status === 404) forgetThread(threadId);
}

/** Thread id → its state; a thread that is absent neither runs nor waits to be read. */
export const statesOf = (here = followed.get(), waiting = unread.get(), known = threads.get()) => {
  const running = new Set([...here.keys(), ...Object.values(known).flatMap(({ id, job }) => (job ? [id] : []))]);
  const state = (id: string): [string, ThreadState] => [id, { running: running.has(id), unread: waiting.has(id) }];
  return Object.fromEntries([...new Set([...running, ...waiting])].map(state));
};

/** The same, kept up to date. */
export function useThreadStates(): Readonly<Record<string, ThreadState>> {
  const here = useStore(followed);
  const waiting = useStore(unread);
  const known = useStore(threads);
  return useMemo(() => statesOf(here, waiting, known), [here, waiting, known]);
}
