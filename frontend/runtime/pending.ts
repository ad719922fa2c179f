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
import { toAttachment } from "./convert";
import { isUnknown } from "./history";
import { liveThread } from "./live";
import { splitFiles, toFileAttachment } from "./message-files";
import type { End } from "./runs";
import { isFollowed, shown } from "./thread-states";

/** `text`: its words and its files. `images`: data URLs. `id` and `answerId`: what the server will call the message and its answer. */
export type PendingMessage = { id: string; answerId: string; text: string; images: string[] };
/** What happens to a message that is sent while an answer runs. */
export type PendingMode = "queue" | "replace";

/** `behind`: the answer after which a message was sent last. */
type Queue = { items: readonly PendingMessage[]; behind?: string };
type Queues = Readonly<Record<string, Queue>>;

const KEY = "waiting";
const NONE: readonly PendingMessage[] = [];
const pending = createStore<Queues>({});
const mode = createStore<PendingMode>("queue");
const replacing = new Map<string, string>(); // thread → the message that its running answer makes way for
const onlyHere = new Set<string>(); // messages for which the browser's storage has no room

/** What this browser has, and from now on what other tabs make of it. */
export function keepPending(): () => void {
  readPending();
  const heed = ({ key }: StorageEvent) => key === `sluice.${KEY}` && readPending();
  window.addEventListener("storage", heed);
  return () => window.removeEventListener("storage", heed);
}

export function readPending(): void {
  mode.set(load<PendingMode>("pending", "queue"));
  pending.set(queues());
}

const stored = () => load<Queues>(KEY, {});

/** As all tabs have them now, and what only this one has. */
function queues(): Queues {
  const known = stored();
  const own = Object.entries(pending.get()).map(([id, { items }]): [string, Queue] => [
    id,
    { ...known[id], items: [...(known[id]?.items ?? NONE), ...items.filter((one) => onlyHere.has(one.id))] },
  ]);
  return { ...known, ...Object.fromEntries(own) };
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
  if (!thread || isUnknown(threadId)) return;
  if (!isFollowed(threadId)) return send(threadId, thread, id);
  replacing.set(threadId, id);
  thread.cancelRun();
}

/** After an answer: whatever is due goes next. An error, or a stop by the user, leaves the rest where it is. */
export function flush(threadId: string, thread: ThreadRuntime, end: End | undefined): void {
  const wanted = replacing.get(threadId);
  replacing.delete(threadId);
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

/** Of a chat that is deleted. */
export function forgetPending(threadId: string): void {
  keep(Object.fromEntries(Object.entries(queues()).filter(([id]) => id !== threadId)));
}

function change(threadId: string, to: (queue: Queue) => Queue): void {
  keep({ ...queues(), [threadId]: to(queueOf(threadId)) });
}

function keep(all: Queues): void {
  pending.set(all);
  if (save(KEY, all)) return onlyHere.clear();
  const before = idsOf(stored());
  for (const id of idsOf(all)) if (!before.has(id)) onlyHere.add(id);
  const short = ([id, { items, behind }]: [string, Queue]): [string, Queue] => [
    id,
    { items: items.filter((one) => !onlyHere.has(one.id)), behind },
  ];
  save(KEY, Object.fromEntries(Object.entries(all).map(short)));
}

const idsOf = (all: Queues) => new Set(Object.values(all).flatMap(({ items }) => items.map(({ id }) => id)));

/** Of the shown thread. */
export function usePending() {
  const threadId = useStore(shown) ?? "";
  const setMode = (next: PendingMode) => {
    mode.set(next);
    save("pending", next);
  };
  return {
    items: useStore(pending, (all) => all[threadId]?.items ?? NONE),
    remove: (id: string) => remove(threadId, id),
    sendNow: (id: string) => sendNow(threadId, id),
    clear: () => change(threadId, ({ behind }) => ({ items: NONE, behind })),
    mode: useStore(mode),
    setMode,
  };
}
