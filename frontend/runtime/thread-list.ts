/** assistant-ui's list of threads, kept by the server. */
import type { RemoteThreadListAdapter } from "@assistant-ui/react";
import { createStore } from "@/lib/store";
import { ApiError, deleteThread, getThread, listThreads, patchThread } from "@/stream/api";
import type { Thread, ThreadPage } from "@/stream/api";
import { notify, sentence } from "./notices";
import { tell } from "./tabs";
import { forget } from "./thread-state";
import { begin, remember } from "./threads";
import { provisionalTitle, titleOf } from "./titles";

const PAGE = 50;
const LARGEST = 200; // the server's
let pages = 1; // that are shown

/** Where either list goes on; null: it does not, absent: at its beginning. */
type Cursors = { regular?: string | null; archived?: string | null };

/** Whether the server has more of either list than the page. */
export const moreThreads = createStore({ regular: false, archived: false });

/** Set when a link leads to a thread that is not there. */
export const lostLink = createStore<string | undefined>(undefined);

export const threadList: RemoteThreadListAdapter = {
  /** A list that is read again is read as far as it is shown. */
  async list({ after } = {}) {
    const { threads, next } = await read(after ? (JSON.parse(after) as Cursors) : {}, after ? 1 : pages);
    if (after) pages += 1;
    remember(...threads);
    moreThreads.set({ regular: next.regular !== null, archived: next.archived !== null });
    const nextCursor = isEnd(next) ? undefined : JSON.stringify(next);
    return { threads: threads.map(metadata), nextCursor };
  },
  async initialize() {
    const remoteId = await saying("The message was not sent.", begin());
    return { remoteId, externalId: undefined };
  },
  async fetch(threadId) {
    const thread = await getThread(threadId).catch((error: unknown) => lost(threadId, error));
    remember(thread);
    return metadata(thread);
  },
  rename: (id, title) => saying("The chat was not renamed.", change(id, { title })),
  archive: (id) => saying("The chat was not archived.", change(id, { archived: true })),
  unarchive: (id) => saying("The chat was not restored.", change(id, { archived: false })),
  async delete(id) {
    await saying("The chat was not deleted.", deleteThread(id));
    forget(id);
    tell({ type: "deleted", threadId: id });
  },
  generateTitle: provisionalTitle,
};

type Part = { threads: Thread[]; next: Cursors };

/** assistant-ui knows one list: both are told as one, and read on together. */
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
  tell({ type: "list" });
}

/** The promise's value; a failure is told to the user, and raised. */
async function saying<T>(what: string, promise: Promise<T>): Promise<T> {
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
