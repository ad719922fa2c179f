/** assistant-ui's list of threads, kept by the server. */
import type { RemoteThreadListAdapter } from "@assistant-ui/react";
import { createStore } from "@/lib/store";
import { ApiError, deleteThread, getThread, listThreads, patchThread } from "@/stream/api";
import type { Thread, ThreadPage } from "@/stream/api";
import { notify, sentence } from "./notices";
import { tell } from "./tabs";
import { begin, remember } from "./threads";
import { provisionalTitle, titleOf } from "./titles";

const PAGE = 50;

/** Where either list goes on; null: it does not, absent: at its beginning. */
type Cursors = { regular?: string | null; archived?: string | null };

/** Whether the server has more of either list than the page. */
export const moreThreads = createStore({ regular: false, archived: false });

/** Set when a link leads to a thread that is not there. */
export const lostLink = createStore<string | undefined>(undefined);

export const threadList: RemoteThreadListAdapter = {
  async list({ after } = {}) {
    const from: Cursors = after ? (JSON.parse(after) as Cursors) : {};
    const [regular, archived] = await Promise.all([page(false, from.regular), page(true, from.archived)]);
    const found = [...regular.threads, ...archived.threads];
    remember(...found);
    return { threads: found.map(metadata), nextCursor: cursorOf(regular, archived) };
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
    tell({ type: "list" });
  },
  generateTitle: provisionalTitle,
};

/** assistant-ui knows one list: both are told as one, and read on together. */
function page(archived: boolean, cursor: string | null | undefined): Promise<ThreadPage> {
  if (cursor === null) return Promise.resolve({ threads: [], next_cursor: null });
  return listThreads({ archived, limit: PAGE, cursor });
}

function cursorOf({ next_cursor: regular }: ThreadPage, { next_cursor: archived }: ThreadPage): string | undefined {
  moreThreads.set({ regular: regular !== null, archived: archived !== null });
  return regular === null && archived === null ? undefined : JSON.stringify({ regular, archived } satisfies Cursors);
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
    lostLink.set(threadId);
    notify("This chat is not here: it was deleted, or the link is wrong.");
  }
  throw error;
}
