/** What the server reported of each thread, and the settings of a chat that is not stored yet. */
import { newId } from "@/lib/ids";
import { load, save } from "@/lib/storage";
import { createStore } from "@/lib/store";
import { createThread, type Thread, type ThreadSettings } from "@/stream/api";
import { changeState, openStates, stateOf } from "./thread-state";

export function remember(...threads: Thread[]): void {
  const changed = (thread: Thread) => ({ ...thread, settings: stateOf(thread.id).unsavedSettings ?? thread.settings });
  openStates(Object.fromEntries(threads.map((thread) => [thread.id, { thread: changed(thread) }])));
}

/** Grows with every change of the list that the page did not make through assistant-ui. */
export const listVersion = createStore(0);
export const listChanged = (): void => listVersion.set((version) => version + 1);

/** Settings that new chats begin with; kept in this browser. */
export const defaults = createStore<ThreadSettings>({});
/** Settings of the chat that is not stored yet; null: the defaults. */
export const fresh = createStore<ThreadSettings | null>(null);

export function readDefaults(): void {
  defaults.set(load<ThreadSettings>("defaults", {}));
}

export function changeDefaults(patch: Partial<ThreadSettings>): void {
  defaults.set((now) => ({ ...now, ...patch }));
  save("defaults", defaults.get());
}

export const settingsOf = (threadId: string | undefined): ThreadSettings =>
  (threadId === undefined ? (fresh.get() ?? defaults.get()) : stateOf(threadId).thread?.settings) ?? {};

/** Stores a new thread with the settings chosen for it; returns its id. Raises ApiError. */
export async function begin(): Promise<string> {
  const thread = await createThread(newId(), settingsOf(undefined));
  fresh.set(null);
  remember(thread);
  changeState(thread.id, { begunHere: true });
  return thread.id;
}

export const wasBegunHere = (threadId: string | undefined): boolean => threadId !== undefined && stateOf(threadId).begunHere === true;
