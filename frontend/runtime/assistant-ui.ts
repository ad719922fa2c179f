/** Every part of assistant-ui that it calls unstable or does not promise. An upgrade is checked in this file. */
import type {
  ChatModelRunOptions,
  ExportedMessageRepository,
  RemoteThreadListAdapter,
  RemoteThreadListProviderComponent,
  ThreadRuntime,
} from "@assistant-ui/react";

/** The local id of the answer that a run is to fill. */
export function answerIdOf(options: ChatModelRunOptions): string {
  if (!options.unstable_assistantMessageId) throw new Error("assistant-ui no longer gives the answer's id");
  return options.unstable_assistantMessageId;
}

/**
 * Messages as they were loaded. `resume`: their head is being answered, and `ThreadHistoryAdapter.resume` follows that
 * answer.
 */
export const loaded = (repository: ExportedMessageRepository, resume: boolean) => ({
  ...repository,
  unstable_resume: resume,
});

/**
 * Gives a thread back the branches behind its head, which assistant-ui drops from `loaded` messages; the run goes on.
 */
export function giveBranches(thread: ThreadRuntime, { messages }: ExportedMessageRepository): void {
  const now = thread.export();
  const known = new Set(messages.map(({ message }) => message.id));
  thread.import({ ...now, messages: [...messages, ...now.messages.filter(({ message }) => !known.has(message.id))] });
}

/** The thread list with each thread inside `provider`. */
export const withProvider = (
  adapter: RemoteThreadListAdapter,
  provider: RemoteThreadListProviderComponent,
): RemoteThreadListAdapter => ({
  ...adapter,
  unstable_Provider: provider,
});

/** Showing a thread leaves it in the archive; without this option assistant-ui takes it out. */
export const LOOK = { unarchive: false };

/** Calls `listener` whenever a run of the thread has ended, however it ended. */
export const onRunEnd = (thread: ThreadRuntime, listener: () => void): (() => void) => thread.unstable_on("runEnd", listener);

/** Calls `listener` whenever the thread's messages have been loaded. */
export function onLoaded(thread: ThreadRuntime, listener: () => void): () => void {
  let loading = thread.getState().isLoading;
  return thread.subscribe(() => {
    const before = loading;
    loading = thread.getState().isLoading;
    if (before && !loading) listener();
  });
}

/**
 * Shows the branch with a message, wherever it is in the thread: assistant-ui takes any message's id for that of its
 * branch.
 */
export const showBranch = (thread: ThreadRuntime, messageId: string): void =>
  thread.getMessageByIndex(0).switchToBranch({ branchId: messageId });
