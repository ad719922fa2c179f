/** Every part of assistant-ui that it calls unstable or does not promise, in one place: an upgrade is checked here. */
import type {
  ChatModelRunOptions,
  ExportedMessageRepository,
  RemoteThreadListAdapter,
  RemoteThreadListProviderComponent,
  ThreadRuntime,
} from "@assistant-ui/react";

/** The local id of the answer that a run is to fill. */
export function answerIdOf(options: ChatModelRunOptions): string {
  if (!options.unstable_assistantMessageId) throw new Error("assistant-ui no longer tells the answer's id");
  return options.unstable_assistantMessageId;
}

/** Messages as loaded; `resume`: their head is being answered, and `ThreadHistoryAdapter.resume` follows that. */
export const loaded = (repository: ExportedMessageRepository, resume: boolean) => ({
  ...repository,
  unstable_resume: resume,
});

/** Gives a thread the branches of which `loaded` made assistant-ui drop whatever follows the head; its run goes on. */
export function giveBranches(thread: ThreadRuntime, { messages }: ExportedMessageRepository): void {
  const now = thread.export();
  const known = new Set(messages.map(({ message }) => message.id));
  thread.import({ ...now, messages: [...messages, ...now.messages.filter(({ message }) => !known.has(message.id))] });
}

/** A thread list whose threads each live inside `provider`. */
export const withProvider = (
  adapter: RemoteThreadListAdapter,
  provider: RemoteThreadListProviderComponent,
): RemoteThreadListAdapter => ({
  ...adapter,
  unstable_Provider: provider,
});

/** To show a thread is not to take it out of the archive, as assistant-ui would unless it is told. */
export const LOOK = { unarchive: false };

/** Calls `heed` whenever a run of the thread has ended, however it ended. */
export const onRunEnd = (thread: ThreadRuntime, heed: () => void): (() => void) => thread.unstable_on("runEnd", heed);

/** Calls `heed` whenever the thread's messages have been loaded. */
export function onLoaded(thread: ThreadRuntime, heed: () => void): () => void {
  let loading = thread.getState().isLoading;
  return thread.subscribe(() => {
    const before = loading;
    loading = thread.getState().isLoading;
    if (before && !loading) heed();
  });
}

/** Shows the branch that holds a message, wherever it is in the thread: any message's id is taken for its branch's. */
export const showBranch = (thread: ThreadRuntime, messageId: string): void =>
  thread.getMessageByIndex(0).switchToBranch({ branchId: messageId });
