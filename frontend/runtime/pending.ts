/** Messages that were sent while an answer ran: they wait for its end, or replace it. */
import type { ThreadRuntime } from "@assistant-ui/react";
import { newId } from "@/lib/ids";
import { load, save } from "@/lib/storage";
import { createStore, useStore } from "@/lib/store";
import { toAttachment } from "./convert";
import { liveThread } from "./live";
import type { Outcome } from "./runs";
import { isFollowed, shown } from "./thread-states";

/** `images`: data URLs. */
export type PendingMessage = { id: string; text: string; images: string[] };
/** What happens to a message that is sent while an answer runs. */
export type PendingMode = "queue" | "replace";

const NONE: readonly PendingMessage[] = [];
const pending = createStore<Readonly<Record<string, readonly PendingMessage[]>>>({});
const mode = createStore<PendingMode>("queue");
const replacing = new Map<string, string>(); // thread → the message that its running answer makes way for

/** What this tab had before it was reloaded. */
export function readPending(): void {
  mode.set(load<PendingMode>("pending", "queue"));
  pending.set((now) => ({ ...load("pending", {}, "sessionStorage"), ...now }));
}

export const pendingOf = (threadId: string): readonly PendingMessage[] => pending.get()[threadId] ?? NONE;

/** Puts a message behind the answer that runs, or in its place: as the user chose, or `atOnce`. */
export function addPending(threadId: string, text: string, images: string[], atOnce = false): void {
  const message = { id: newId(), text, images };
  change(threadId, (items) => [...items, message]);
  if (atOnce || mode.get() === "replace") sendNow(threadId, message.id);
}

/** Sends it at once; an answer that runs is stopped. */
export function sendNow(threadId: string, id: string): void {
  const thread = liveThread(threadId);
  if (!thread) return;
  if (!isFollowed(threadId)) return send(threadId, thread, id);
  replacing.set(threadId, id);
  thread.cancelRun();
}

/** After a run: whatever is due goes next. An error, or a stop by the user, leaves the rest where it is. */
export function flush(threadId: string, thread: ThreadRuntime, outcome: Outcome | undefined): void {
  const wanted = replacing.get(threadId);
  replacing.delete(threadId);
  const next = wanted ?? (outcome === "done" ? pendingOf(threadId)[0]?.id : undefined);
  if (next !== undefined) send(threadId, thread, next);
}

function send(threadId: string, thread: ThreadRuntime, id: string): void {
  const message = pendingOf(threadId).find((one) => one.id === id);
  if (!message) return;
  remove(threadId, id);
  const content = message.text ? [{ type: "text" as const, text: message.text }] : [];
  thread.append({ role: "user", content, attachments: message.images.map(toAttachment) });
}

const remove = (threadId: string, id: string) => change(threadId, (items) => items.filter((one) => one.id !== id));

function change(threadId: string, to: (items: readonly PendingMessage[]) => readonly PendingMessage[]): void {
  pending.set((now) => ({ ...now, [threadId]: to(now[threadId] ?? NONE) }));
  save("pending", pending.get(), "sessionStorage");
}

/** Of the shown thread. */
export function usePending() {
  const threadId = useStore(shown) ?? "";
  const setMode = (next: PendingMode) => {
    mode.set(next);
    save("pending", next);
  };
  return {
    items: useStore(pending, (all) => all[threadId] ?? NONE),
    remove: (id: string) => remove(threadId, id),
    sendNow: (id: string) => sendNow(threadId, id),
    clear: () => change(threadId, () => NONE),
    mode: useStore(mode),
    setMode,
  };
}
