/**
 * Messages that were sent while an answer ran: they wait for its end, or replace it. This browser keeps them for all
 * its tabs, and after the last tab is closed.
 *
 * Several tabs may see the same answer end. The first tab that looks takes the next message and writes down behind
 * which answer the message goes. Two tabs that look at once send the message under the same ids, which the server takes
 * for one.
 */
import type { ThreadRuntime } from "@assistant-ui/react";
import { newId } from "@/lib/ids";
import { load, save } from "@/lib/storage";
import { createStore, useStore } from "@/lib/store";
import { isFollowed, shown } from "./activity";
import { toAttachment } from "./convert";
import { failedToLoad } from "./history";
import { liveThread } from "./live";
import { splitFiles, toFileAttachment } from "./message-files";
import { changeState, isKnown, openStates, stateOf, states, type End } from "./thread-state";
import { loadQueues, QUEUES_KEY, saveQueues, type PendingMessage, type Queue, type Queues } from "./thread-storage";

/** What happens to a message that is sent while an answer runs. */
export type PendingMode = "queue" | "replace";

const NONE: readonly PendingMessage[] = [];
const mode = createStore<PendingMode>("queue");

/** Reads the queues that this browser has, and from now on whatever other tabs make of them. */
export function keepPending(): () => void {
  readPending();
  const onStorage = ({ key }: StorageEvent) => key === `sluice.${QUEUES_KEY}` && readPending();
  window.addEventListener("storage", onStorage);
  return () => window.removeEventListener("storage", onStorage);
}

export function readPending(): void {
  mode.set(load<PendingMode>("pending", "queue"));
  const all = queues();
  const threadIds = [...states.get().keys(), ...Object.keys(all)];
  openStates(Object.fromEntries(threadIds.map((threadId) => [threadId, { queue: all[threadId] }])));
}

/** All queues: the messages that all tabs have, and behind them those that only this tab has. */
function queues(): Queues {
  const kept = loadQueues();
  const own = [...states.get()].flatMap(([threadId, { unkept }]): [string, Queue][] =>
    unkept.length === 0 ? [] : [[threadId, { ...kept[threadId], items: [...(kept[threadId]?.items ?? NONE), ...unkept] }]],
  );
  return { ...kept, ...Object.fromEntries(own) };
}

const queueOf = (threadId: string): Queue => queues()[threadId] ?? { items: NONE };

export const pendingOf = (threadId: string): readonly PendingMessage[] => queueOf(threadId).items;

/** Puts a message behind the running answer, or sends it in its place: as the user chose, or `atOnce`. */
export function addPending(threadId: string, text: string, images: string[], atOnce = false): void {
  const message = { id: newId(), answerId: newId(), text, images };
  change(threadId, ({ items, behind }) => ({ items: [...items, message], behind }));
  if (atOnce || mode.get() === "replace") sendNow(threadId, message.id);
}

/**
 * Sends a message at once, and stops a running answer for it. In a thread that could not be loaded the message goes on
 * waiting.
 */
export function sendNow(threadId: string, id: string): void {
  const thread = liveThread(threadId);
  if (!thread || failedToLoad(threadId)) return;
  if (!isFollowed(threadId)) return send(threadId, thread, id);
  changeState(threadId, { replacing: id });
  thread.cancelRun();
}

/**
 * After an answer: sends the message that is due. An error, or a stop by the user, leaves the others where they are.
 */
export function flush(threadId: string, thread: ThreadRuntime, end: End | undefined): void {
  const replacing = stateOf(threadId).replacing;
  changeState(threadId, { replacing: undefined });
  const { items, behind } = queueOf(threadId);
  const due = end?.how === "done" && end.answerId !== behind ? items[0]?.id : undefined;
  const next = replacing ?? due;
  if (next !== undefined) send(threadId, thread, next, end?.answerId);
}

function send(threadId: string, thread: ThreadRuntime, id: string, after?: string): void {
  const message = pendingOf(threadId).find((item) => item.id === id);
  if (!message) return; // another tab has sent it
  change(threadId, ({ items, behind }) => ({ items: items.filter((item) => item.id !== id), behind: after ?? behind }));
  const { words, files } = splitFiles(message.text);
  thread.append({
    role: "user",
    content: words ? [{ type: "text", text: words }] : [],
    attachments: [...message.images.map(toAttachment), ...files.map(toFileAttachment)],
    metadata: { custom: { ids: { messageId: id, answerId: message.answerId } } },
  });
}

const remove = (threadId: string, id: string) =>
  change(threadId, ({ items, behind }) => ({ items: items.filter((item) => item.id !== id), behind }));

/** Changes a thread's queue here and in the browser's storage; nothing where the thread is forgotten. */
function change(threadId: string, to: (queue: Queue) => Queue): void {
  if (isKnown(threadId)) keep({ ...queues(), [threadId]: to(queueOf(threadId)) });
}

/** Messages for which the storage has no room stay on this page. */
function keep(all: Queues): void {
  const stored = new Set(Object.values(loadQueues()).flatMap(({ items }) => items.map(({ id }) => id)));
  const isFull = !saveQueues(all);
  const entries = Object.entries(all);
  const unkept = ({ items }: Queue) => (isFull ? items.filter(({ id }) => !stored.has(id)) : NONE);
  openStates(Object.fromEntries(entries.map(([threadId, queue]) => [threadId, { queue, unkept: unkept(queue) }])));
  if (isFull) saveQueues(Object.fromEntries(entries.map(([threadId, queue]) => [threadId, { ...queue, items: queue.items.filter(({ id }) => stored.has(id)) }])));
}

/** The queue of the shown thread, and what a component may do with it. */
export function usePending() {
  const threadId = useStore(shown) ?? "";
  const setMode = (next: PendingMode) => {
    mode.set(next);
    save("pending", next);
  };
  return {
    items: useStore(states, (all) => all.get(threadId)?.queue?.items ?? NONE),
    remove: (id: string) => remove(threadId, id),
    sendNow: (id: string) => sendNow(threadId, id),
    clear: () => change(threadId, ({ behind }) => ({ items: NONE, behind })),
    mode: useStore(mode),
    setMode,
  };
}
