/** Shows a message that a search has found, in its branch of the thread. */
import { showBranch } from "./assistant-ui";
import { liveThread } from "./live";
import { localId } from "./message-ids";

/**
 * Makes the thread show the branch with the server's message `messageId`; returns the message's id on the page
 * (`data-message`). Undefined: the thread does not have the message, or not yet.
 */
export function showMessage(threadId: string, messageId: string): string | undefined {
  const thread = liveThread(threadId);
  const local = localId(threadId, messageId);
  if (!thread) return undefined;
  if (thread.getState().messages.some(({ id }) => id === local)) return local;
  if (!thread.export().messages.some(({ message }) => message.id === local)) return undefined;
  showBranch(thread, local);
  return local;
}
