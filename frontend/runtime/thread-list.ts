/** assistant-ui's list of threads, kept by the server. */
import type { RemoteThreadListAdapter } from "@assistant-ui/react";
import { createStore } from "@/lib/store";
import { ApiError, deleteThread, getThread, listThreads, patchThread } from "@/stream/api";
import type { Thread, ThreadPage } from "@/stream/api";
import { notify, sentence } from "./notices";
import { report } from "./tabs";
import { forget } from "./thread-state";
import { begin, remember } from "./threads";
import { provisionalTitle, titleOf } from "./titles";

const PAGE = 50;
const LARGEST = 200; // threads that the server returns at once
let pages = 1; // how many are shown

/** Where each list continues; null: it has ended, absent: at its beginning. */
type Cursors = { regular?: string | null; archived?: string | null };

/** Whether the server has more of either list than the page. */
export const moreThreads = createStore({ regular: false, archived: false });

/** The thread of a link, where the server does not have it. */
export const lostLink = createStore<string | undefined>(undefined);

export const threadList: RemoteThreadListAdapter = {
  /** Reads the next page, or anew as many pages as are shown. */
  async list({ after } = {}) {
    const { threads, next } = await read(after ? (JSON.parse(after) as Cursors) : {}, after ? 1 : pages);
    if (after) pages += 1;
    remember(...threads);
    moreThreads.set({ regular: next.regular !== null, archived: next.archived !== null });
    const nextCursor = isEnd(next) ? undefined : JSON.stringify(next);
    return { threads: threads.map(metadata), nextCursor };
  },
  async initialize() {
    const remoteId = await withNotice("The message was not sent.", begin());
    return { remoteId, externalId: undefined };
  },
  async fetch(threadId) {
    const thread = await getThread(threadId).catch((error: unknown) => lost(threadId, error));
    remember(thread);
    return metadata(thread);
  },
  rename: (id, title) => withNotice("The chat was not renamed.", change(id, { title })),
  archive: (id) => withNotice("The chat was not archived.", change(id, { archived: true })),
  unarchive: (id) => withNotice("The chat was not restored.", change(id, { archived: false })),
  async delete(id) {
    await withNotice("The chat was not deleted.", deleteThread(id));
    forget(id);
    report({ type: "deleted", threadId: id });
  },
  generateTitle: provisionalTitle,
};

type Part = { threads: Thread[]; next: Cursors };

/** Reads both lists as one, because assistant-ui has only one. */
async function read(from: Cursors, left: number): Promise<Part> {
  const limit = Math.min(LARGEST, left * PAGE);
  const [regular, archived] = await Promise.all([
    page(false, limit, from.regular),
    page(true, limit, from.archived),
  ]);
  const threads = [...regular.threads, ...archived.threads];
  const next = { regular: regular.next_cursor, archived: archived.next_cursor };
  if (limit === left * PAGE || isEnd(next)) return { threads, next };
  const rest = await read(next, left - LARGEST / PAGE);
  return { threads: [...threads, ...rest.threads], next: rest.next };
}

const isEnd = ({ regular, archived }: Cursors): boolean => regular === null && archived === null;

function page(archived: boolean, limit: number, cursor: string | null | undefined): Promise<ThreadPage> {
  if (cursor === null) return Promise.resolve({ threads: [], next_cursor: null });
  return listThreads({ archived, limit, cursor });
}

const metadata = (thread: Thread) => ({
  status: thread.archived ? ("archived" as const) : ("regular" as const),
  remoteId: thread.id,
  title: titleOf(thread.id, thread.title),
  lastMessageAt: new Date(thread.updated_at),
});

async function change(id: string, patch: { title?: string; archived?: boolean }): Promise<void> {
  remember(await patchThread(id, patch));
  report({ type: "list" });
}

/** The promise's value. A failure is shown to the user, and raised. */
async function withNotice<T>(what: string, promise: Promise<T>): Promise<T> {
  return promise.catch((error: unknown) => {
    notify(`${what} ${sentence(error)}`);
    throw error;
  });
}

function lost(threadId: string, error: unknown): never {
  if (error instanceof ApiError && error.status === 404) {
    forget(threadId);
    lostLink.set(threadId);
    notify("This chat is not here: it was deleted, or the link is wrong.");
  }
  throw error;
}
