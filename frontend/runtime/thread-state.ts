/**
 * All that the page knows of its threads: one record for each, in one store. No other module keeps anything by a
 * thread's id, so that `forget` leaves nothing of a thread that is deleted, neither here nor in the browser's storage.
 */
import type { ComposerState, ExportedMessageRepository, ThreadRuntime } from "@assistant-ui/react";
import { createStore } from "@/lib/store";
import type { Rating, Thread, ThreadSettings } from "@/stream/api";
import { forgetStored, saveField, type PendingMessage, type Queue, type StoredField } from "./thread-storage";

/** "stopped": by the user, on this page. "detached": this page stopped following, and the job runs on. */
export type Outcome = "done" | "failed" | "cancelled" | "stopped" | "detached";

/** How an answer ended. */
export type End = { how: Outcome; answerId: string };

/** Ids that assistant-ui gave to messages and those of the server, both ways; `stored`: ids that the server has. */
export type MessageIds = {
  server: ReadonlyMap<string, string>;
  local: ReadonlyMap<string, string>;
  stored: ReadonlySet<string>;
};

/**
 * What is due later in a thread: its shown branch is saved, its settings are saved, its messages are loaded after an
 * edit.
 */
type Due = "head" | "settings" | "load";

/** One thread's record. Where a field is absent, its subject does not exist or is not known to the page. */
export type ThreadState = {
  /** What the server reported last. */
  thread?: Thread;
  /** Settings that the server does not have yet: what it reports meanwhile does not undo them. */
  unsavedSettings?: ThreadSettings;
  /** This page has stored the thread. */
  begunHere?: boolean;
  /** The first words, shown until the thread has a title. */
  provisionalTitle?: string;
  /** The page has requested a title from the server, which it does once. */
  titleRequested?: boolean;

  /** assistant-ui's runtime of the thread: it is shown, or was left while it runs. */
  live?: ThreadRuntime;
  /** What lay in the composer when the thread was loaded anew, until it is put back. */
  composer?: Pick<ComposerState, "text" | "attachments">;
  /** Why the messages could not be loaded. */
  loadError?: string;
  /** The server has more of the thread than the page, until it is loaded again. */
  stale?: boolean;
  /** All branches as they were loaded while an answer runs, until that answer is resumed. */
  branches?: ExportedMessageRepository;

  /** The answer that this page follows. */
  followed?: string;
  /** The followed answer's connection was cut and is not back yet. */
  reconnecting?: boolean;
  /** An answer ended while the thread was out of sight. */
  unread?: boolean;
  /** How the last answer ended. */
  end?: End;
  /** Answers that this page has followed to their ends, and shows. */
  seenEnds: ReadonlySet<string>;
  /**
   * By answer: how many messages the model of a running answer was given. Its job's log does not contain the number.
   */
  contexts: Readonly<Record<string, number>>;
  ids: MessageIds;
  /** The last message of the branch that the server shows. */
  head?: string;
  /** By message of assistant-ui: what was rated on this page; ratings that were loaded lie in the message itself. */
  ratings: Readonly<Record<string, Rating | null>>;

  /** Messages that wait for the running answer, as the page draws them. */
  queue?: Queue;
  /** Waiting messages for which the browser's storage has no room. */
  unkept: readonly PendingMessage[];
  /** The waiting message for which the running answer is stopped. */
  replacing?: string;
  /** How to call off what is due. */
  callOffs: Readonly<Partial<Record<Due, () => void>>>;
};

const NOTHING: ThreadState = {
  seenEnds: new Set(),
  contexts: {},
  ids: { server: new Map(), local: new Map(), stored: new Set() },
  ratings: {},
  unkept: [],
  callOffs: {},
};

type Patch = Partial<ThreadState>;

/** The records, by thread id. */
export const states = createStore<ReadonlyMap<string, ThreadState>>(new Map());

/** The thread's record; an empty one for a thread that the page does not know. */
export const stateOf = (threadId: string): ThreadState => states.get().get(threadId) ?? NOTHING;

export const isKnown = (threadId: string): boolean => states.get().has(threadId);

/** The server reported these threads, or the browser's storage has something of them. */
export function openStates(patches: Readonly<Record<string, Patch>>): void {
  const opened = Object.entries(patches).map(([id, patch]) => [id, { ...stateOf(id), ...patch }] as const);
  states.set((all) => new Map([...all, ...opened]));
}

/** Changes a record. A forgotten thread stays forgotten: a late change opens no record. */
export function changeState(threadId: string, patch: Patch | ((state: ThreadState) => Patch)): void {
  states.set((all) => {
    const state = all.get(threadId);
    if (!state) return all;
    const changes = typeof patch === "function" ? patch(state) : patch;
    const isNew = Object.entries(changes).some(([field, value]) => !Object.is(state[field as keyof ThreadState], value));
    return isNew ? new Map(all).set(threadId, { ...state, ...changes }) : all;
  });
}

/** Calls off what is due under this name, and has `start` begin it anew; `start` returns how to call that off. */
export function schedule(threadId: string, due: Due, start?: () => () => void): void {
  stateOf(threadId).callOffs[due]?.();
  if (!isKnown(threadId)) return;
  const callOff = start?.();
  changeState(threadId, ({ callOffs }) => ({ callOffs: { ...callOffs, [due]: callOff } }));
}

/** Keeps a text of a thread in the browser's storage; no text of a forgotten thread. Undefined removes the text. */
export function keepText(field: StoredField, threadId: string, value: unknown): void {
  if (value === undefined || isKnown(threadId)) saveField(field, threadId, value);
}

/** The thread is deleted, here or elsewhere. */
export function forget(threadId: string): void {
  for (const callOff of Object.values(stateOf(threadId).callOffs)) callOff();
  states.set((all) => new Map([...all].filter(([id]) => id !== threadId)));
  forgetStored(threadId);
}
