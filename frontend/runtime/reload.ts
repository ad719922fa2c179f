import type { AssistantClient, EditComposerRuntime, ThreadRuntime } from "@assistant-ui/react";
import { isFollowed } from "./activity";
import { liveThread } from "./live";
import { isStored, serverId } from "./message-ids";
import { changeState, schedule, stateOf } from "./thread-state";

let loadAgain = (_threadId: string): void => {};

export const isStale = (threadId: string): boolean => stateOf(threadId).stale === true;

/** What the server answers from now on is complete. */
export const loadBegins = (threadId: string): void => changeState(threadId, { stale: false });

/**
 * Has a thread loaded anew: at once, at the end of the answer that the page follows in it, or when it is shown. What is
 * only on the page stays until then: a message that is being edited, a turn that the server did not accept.
 */
export function refresh(threadId: string): void {
  changeState(threadId, { stale: true });
  const thread = liveThread(threadId);
  if (isFollowed(threadId) || (thread && isUnsent(threadId, thread))) return;
  const edit = thread && editIn(thread);
  if (edit) onceEdited(threadId, edit);
  else loadAgain(threadId);
}

/** Whether the last turn could still be sent again; a turn that was stopped could not. */
function isUnsent(threadId: string, thread: ThreadRuntime): boolean {
  const last = thread.getState().messages.at(-1);
  if (!last || isStored(threadId, serverId(threadId, last.id))) return false;
  return last.status?.type !== "incomplete" || last.status.reason !== "cancelled";
}

const editIn = (thread: ThreadRuntime): EditComposerRuntime | undefined =>
  thread
    .getState()
    .messages.map(({ id }) => thread.getMessageById(id).composer)
    .find((composer) => composer.getState().isEditing);

function onceEdited(threadId: string, edit: EditComposerRuntime): void {
  const look = () => {
    if (edit.getState().isEditing) return;
    schedule(threadId, "load");
    setTimeout(() => isStale(threadId) && refresh(threadId), 0); // a message that was sent is on its way then
  };
  schedule(threadId, "load", () => edit.subscribe(look));
}

/** `aui`: the client of the page, which outlives its threads. */
export function keepFresh(aui: () => AssistantClient): () => void {
  loadAgain = (threadId) => {
    const { threads } = aui();
    const { mainThreadId, threadItems } = threads.getState();
    const item = threadItems.find(({ remoteId }) => remoteId === threadId);
    if (item?.id === mainThreadId) void reloadShown(aui);
    else if (item) threads.item({ id: item.id }).detach(); // the thread is loaded when it is shown
  };
  return () => (loadAgain = () => {});
}

/** Loads the shown thread anew, and carries over what lies in its composer, which assistant-ui would drop. */
export async function reloadShown(aui: () => AssistantClient): Promise<void> {
  const { remoteId } = aui().threadListItem.getState();
  if (remoteId !== undefined) changeState(remoteId, { composer: aui().composer.getState() });
  await aui().threads.reloadMainThread();
}

/** Puts back what lay in the composer before the thread was made anew. */
export function putBack(threadId: string, { composer }: ThreadRuntime): void {
  const { text = "", attachments = [] } = stateOf(threadId).composer ?? {};
  changeState(threadId, { composer: undefined });
  if (text) composer.setText(text);
  for (const { name, type, contentType, content } of attachments)
    if (content) void composer.addAttachment({ name, type, contentType, content });
}
