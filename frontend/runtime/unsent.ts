/**
 * The words and files of messages that the server has not let in, by thread. Their tab keeps them until it has: they left the
 * composer as they were sent, and a reload puts them back there.
 */
import type { ThreadMessage } from "@assistant-ui/react";
import { saidIn } from "./convert";
import { isStored, localId } from "./message-ids";
import { keepText } from "./thread-state";
import { loadField } from "./thread-storage";

/** `messageId`: what the server will call it. */
type Unsent = { messageId: string; text: string };

const unsentIn = (threadId: string) => loadField<Unsent | null>("unsent", threadId, null);
const remove = (threadId: string) => keepText("unsent", threadId, undefined);

export function keepUnsent(threadId: string, messageId: string, message?: Pick<ThreadMessage, "content" | "attachments">): void {
  const text = message ? saidIn(message) : "";
  if (text && !isStored(threadId, messageId)) keepText("unsent", threadId, { messageId, text });
}

/** The server has it. */
export function letIn(threadId: string, messageId: string): void {
  if (unsentIn(threadId)?.messageId === messageId) remove(threadId);
}

/** Hands them over, once; "" where there are none, the server has them, or they are among the `drawn` messages. */
export function takeUnsent(threadId: string, drawn: readonly { id: string }[]): string {
  const unsent = unsentIn(threadId);
  if (!unsent || drawn.some(({ id }) => id === localId(threadId, unsent.messageId))) return "";
  remove(threadId);
  return isStored(threadId, unsent.messageId) ? "" : unsent.text;
}
