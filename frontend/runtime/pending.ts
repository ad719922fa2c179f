/**
 * Messages that were sent while an answer ran: they wait for its end, or replace it. This browser keeps them, for all its
 * tabs and beyond their lives.
 *
 * Several tabs may see the same answer end. The first to look takes the next message and writes down behind which answer
 * it goes; two that look at once send it under the same names, which the server takes for one.
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

/** What this browser has, and from now on what other tabs make of it. */
export function keepPending(): () => void {
  readPending();
  const heed = ({ key }: StorageEvent) => key === `sluice.${QUEUES_KEY}` && readPending();
  window.addEventListener("storage", heed);
  return () => window.removeEventListener("storage", heed);
}

export function readPending(): void {
  mode.set(load<PendingMode>("pending", "queue"));
  const all = queues();
  const threadIds = [...Object.keys(states.get()), ...Object.keys(all)];
  openStates(Object.fromEntries(threadIds.map((threadId) => [threadId, { queue: all[threadId] }])));
}

/** All queues: the messages that all tabs have, and behind them those that only this tab has. */
function queues(): Queues {
  const kept = loadQueues();
  const own = Object.entries(states.get()).flatMap(([threadId, { unkept }]): [string, Queue][] =>
    unkept.length === 0 ? [] : [[threadId, { ...kept[threadId], items: [...(kept[threadId]?.items ?? NONE), ...unkept] }]],
  );
  return { ...kept, ...Object.fromEntries(own) };
}

const queueOf = (threadId: string): Queue => queues()[threadId] ?? { items: NONE };

export const pendingOf = (threadId: string): readonly PendingMessage[] => queueOf(threadId).items;

/** Puts a message behind the answer that runs, or in its place: as the user chose, or `atOnce`. */
export function addPending(threadId: string, text: string, images: string[], atOnce = false): void {
  const message = { id: newId(), answerId: newId(), text, images };
  change(threadId, ({ items, behind }) => ({ items: [...items, message], behind }));
  if (atOnce || mode.get() === "replace") sendNow(threadId, message.id);
}

/** Sends it at once; an answer that runs is stopped. In a thread that was not loaded it waits on. */
export function sendNow(threadId: string, id: string): void {
  const thread = liveThread(threadId);
  if (!thread || failedToLoad(threadId)) return;
  if (!isFollowed(threadId)) return send(threadId, thread, id);
  changeState(threadId, { replacing: id });
  thread.cancelRun();
}

/** After an answer: whatever is due goes next. An error, or a stop by the user, leaves the rest where it is. */
export function flush(threadId: string, thread: ThreadRuntime, end: End | undefined): void {
  const wanted = stateOf(threadId).replacing;
  changeState(threadId, { replacing: undefined });
  const { items, behind } = queueOf(threadId);
  const due = end?.how === "done" && end.answerId !== behind ? items[0]?.id : undefined;
  const next = wanted ?? due;
  if (next !== undefined) send(threadId, thread, next, end?.answerId);
}

function send(threadId: string, thread: ThreadRuntime, id: string, after?: string): void {
  const message = pendingOf(threadId).find((one) => one.id === id);
  if (!message) return; // another tab has it
  change(threadId, ({ items, behind }) => ({ items: items.filter((one) => one.id !== id), behind: after ?? behind }));
  const { words, files } = splitFiles(message.text);
  thread.append({
    role: "user",
    content: words ? [{ type: "text", text: words }] : [],
    attachments: [...message.images.map(toAttachment), ...files.map(toFileAttachment)],
    metadata: { custom: { ids: { messageId: id, answerId: message.answerId } } },
  });
}

const remove = (threadId: string, id: string) =>
  change(threadId, ({ items, behind }) => ({ items: items.filter((one) => one.id !== id), behind }));

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

/** Of the shown thread. */
export function usePending() {
  const threadId = useStore(shown) ?? "";
  const setMode = (next: PendingMode) => {
    mode.set(next);
    save("pending", next);
  };
  return {
    items: useStore(states, (all) => all[threadId]?.queue?.items ?? NONE),
    remove: (id: string) => remove(threadId, id),
    sendNow: (id: string) => sendNow(threadId, id),
    clear: () => change(threadId, ({ behind }) => ({ items: NONE, behind })),
    mode: useStore(mode),
    setMode,
  };
}
