/** What the server said last of each thread, and the settings of a chat that has none yet. */
import { createStore } from "@/lib/store";
import { load, save } from "@/lib/storage";
import { newId } from "@/lib/ids";
import { createThread, type Thread, type ThreadSettings } from "@/stream/api";

export const threads = createStore<Readonly<Record<string, Thread>>>({});

/** Settings that the server does not have yet, by thread: what it says meanwhile does not undo them. */
export const unsaved = new Map<string, ThreadSettings>();

export function remember(...known: Thread[]): void {
  const changed = (thread: Thread) => ({ ...thread, settings: unsaved.get(thread.id) ?? thread.settings });
  threads.set((now) => ({ ...now, ...Object.fromEntries(known.map((thread) => [thread.id, changed(thread)])) }));
}

/** It is no longer there. */
export function forgetThread(threadId: string): void {
  threads.set((now) => Object.fromEntries(Object.entries(now).filter(([id]) => id !== threadId)));
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
  (threadId === undefined ? (fresh.get() ?? defaults.get()) : threads.get()[threadId]?.settings) ?? {};

/** Stores a new thread with the settings chosen for it; its id. Raises ApiError. */
export async function begin(): Promise<string> {
  const thread = await createThread(newId(), settingsOf(undefined));
  fresh.set(null);
  begun.add(thread.id);
  remember(thread);
  return thread.id;
}

const begun = new Set<string>();

export const wasBegunHere = (threadId: string | undefined): boolean => threadId !== undefined && begun.has(threadId);
