/** Which threads are being answered, and which have an answer that the user has not seen. */
import { useMemo } from "react";
import { createStore, useStore } from "@/lib/store";
import { ApiError, getThread } from "@/stream/api";
import { changeState, forget, stateOf, states, type ThreadState } from "./thread-state";
import { remember } from "./threads";

export type Activity = { running: boolean; unread: boolean };

/** The thread on the screen; undefined: a thread that is not stored yet. */
export const shown = createStore<string | undefined>(undefined);

/** The answer that this page follows in the thread. The server reports which answers run in other threads. */
export const followedIn = (threadId: string): string | undefined => stateOf(threadId).followed;

export const isFollowed = (threadId: string): boolean => followedIn(threadId) !== undefined;

export const runBegan = (threadId: string, answerId: string): void => changeState(threadId, { followed: answerId });

/** `over`: the job has ended, too; false: this page only stops following it. */
export function runEnded(threadId: string, over: boolean): void {
  changeState(threadId, ({ thread, unread }) => ({
    followed: undefined,
    ...(over && { thread: thread && { ...thread, job: null }, unread: unread || !isSeen(threadId) }),
  }));
}

const isSeen = (threadId: string) => threadId === shown.get() && document.visibilityState === "visible";

export function show(threadId: string | undefined): void {
  shown.set(threadId);
  seeShown();
}

export function seeShown(): void {
  const threadId = shown.get();
  if (threadId !== undefined && isSeen(threadId)) changeState(threadId, { unread: false });
}

/** Looks at threads that run elsewhere: at most five of them. */
export async function lookElsewhere(): Promise<void> {
  const elsewhere = [...states.get()].filter(([, state]) => state.thread?.job && !state.followed);
  await Promise.all(
    elsewhere.slice(0, 5).map(async ([threadId]) => {
      const thread = await getThread(threadId).catch((error: unknown) => forgetDeleted(threadId, error));
      if (!thread || isFollowed(threadId)) return;
      remember(thread);
      if (thread.job === null) runEnded(threadId, true);
    }),
  );
}

function forgetDeleted(threadId: string, error: unknown): void {
  if (error instanceof ApiError && error.status === 404) forget(threadId);
}

const activityOf = ({ followed, thread, unread }: ThreadState): Activity => ({
  running: followed !== undefined || Boolean(thread?.job),
  unread: unread ?? false,
});

/** Thread id → what goes on in it; a thread that is absent neither runs nor waits to be read. */
export function activities(all = states.get()): Readonly<Record<string, Activity>> {
  const each = [...all].map(([threadId, state]) => [threadId, activityOf(state)] as const);
  return Object.fromEntries(each.filter(([, { running, unread }]) => running || unread));
}

/** The activities, kept up to date. They are compared as a text, which stays equal while nothing in it changes. */
export function useActivities(): Readonly<Record<string, Activity>> {
  const text = useStore(states, (all) => JSON.stringify(activities(all)));
  return useMemo(() => JSON.parse(text) as Record<string, Activity>, [text]);
}
