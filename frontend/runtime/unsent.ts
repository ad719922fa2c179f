/**
 * The words and files of messages that the server has not stored. The tab keeps them until the server has them: they
 * left the composer when they were sent, and a reload puts them back there.
 */
import type { ThreadMessage } from "@assistant-ui/react";
import { wordsOf } from "./convert";
import { isStored, localId } from "./message-ids";
import { keepText } from "./thread-state";
import { loadField } from "./thread-storage";

/** `messageId`: the id that the message will have on the server. */
type Unsent = { messageId: string; text: string };

const unsentIn = (threadId: string) => loadField<Unsent | null>("unsent", threadId, null);
const remove = (threadId: string) => keepText("unsent", threadId, undefined);

export function keepUnsent(threadId: string, messageId: string, message?: Pick<ThreadMessage, "content" | "attachments">): void {
  const text = message ? wordsOf(message) : "";
  if (text && !isStored(threadId, messageId)) keepText("unsent", threadId, { messageId, text });
}

/** The server has stored the message. */
export function markArrived(threadId: string, messageId: string): void {
  if (unsentIn(threadId)?.messageId === messageId) remove(threadId);
}

/**
 * Returns them once, and removes them; "" where there are none, the server has them, or they are among the `drawn`
 * messages.
 */
export function takeUnsent(threadId: string, drawn: readonly { id: string }[]): string {
  const unsent = unsentIn(threadId);
  if (!unsent || drawn.some(({ id }) => id === localId(threadId, unsent.messageId))) return "";
  remove(threadId);
  return isStored(threadId, unsent.messageId) ? "" : unsent.text;
}
