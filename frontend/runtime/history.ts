/** A thread's messages, as the server has them. */
import { ExportedMessageRepository, useAui, type ThreadHistoryAdapter } from "@assistant-ui/react";
import { useMemo } from "react";
import { useLatest } from "@/lib/use-latest";
import { getMessages, type StoredMessage, type ThreadContent } from "@/stream/api";
import { follow } from "@/stream/follow";
import { pause } from "@/stream/wake";
import { giveBranches, loaded } from "./assistant-ui";
import { fromStored } from "./convert";
import { headIs } from "./heads";
import { liveThread } from "./live";
import { markStored } from "./message-ids";
import { loadBegins, refresh } from "./reload";
import { endedBefore, resumeJob, sawEnd } from "./runs";
import { changeState, stateOf } from "./thread-state";
import { remember } from "./threads";

const RECORDED_MS = 1_000; // an answer is stored a moment after its job's end

/**
 * Whether the thread's messages could not be loaded: a message sent now would begin it anew, as if nothing were in it.
 */
export const failedToLoad = (threadId: string | undefined): boolean => threadId !== undefined && stateOf(threadId).loadError !== undefined;

export const clearLoadError = (threadId: string): void => changeState(threadId, { loadError: undefined });

export function useHistory(): ThreadHistoryAdapter {
  const aui = useLatest(useAui());
  return useMemo((): ThreadHistoryAdapter => {
    const threadId = () => aui.current.threadListItem.getState().remoteId;
    return {
      load: () => load(threadId()),
      async *resume(options) {
        const id = threadId();
        if (id === undefined) return;
        restore(id);
        const { thread, contexts } = stateOf(id);
        if (thread?.job) yield* resumeJob(options, id, thread.job, contexts[thread.job.answer_id]);
      },
      append: () => Promise.resolve(), // the server stores the messages that it accepts
    };
  }, [aui]);
}

async function load(threadId: string | undefined) {
  if (threadId === undefined) return { messages: [] };
  loadBegins(threadId);
  try {
    const content = await recorded(threadId);
    clearLoadError(threadId);
    void othersEnded(content).then((ended) => ended && refresh(threadId));
    return taken(content);
  } catch (error) {
    changeState(threadId, { loadError: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

/**
 * The thread with its ended answers stored: an answer that this page has just followed to its end may not be stored
 * yet, and would look as if it still ran.
 */
async function recorded(threadId: string): Promise<ThreadContent> {
  const content = await getMessages(threadId);
  if (!content.messages.some(({ id, status }) => status === "running" && sawEnd(threadId, id))) return content;
  await pause(RECORDED_MS);
  return getMessages(threadId);
}

/** Shows the earlier answers to the question that is being answered, and what follows them, too. */
function restore(threadId: string): void {
  const thread = liveThread(threadId);
  const { branches } = stateOf(threadId);
  changeState(threadId, { branches: undefined });
  if (thread && branches) giveBranches(thread, branches);
}

/**
 * Waits for all answers of a thread in which more than one runs, since the page follows only one. False: there were no
 * others.
 */
async function othersEnded({ thread, messages }: ThreadContent): Promise<boolean> {
  const running = messages.filter(({ status, job_id }) => status === "running" && job_id !== null);
  if (running.every(({ id }) => id === thread.job?.answer_id)) return false;
  await Promise.all(running.map(({ job_id: jobId }) => untilEnd(jobId!)));
  await pause(RECORDED_MS);
  return true;
}

async function untilEnd(jobId: string): Promise<void> {
  for await (const _ of follow({ jobId }, new AbortController().signal)) continue;
}

/** All branches for assistant-ui, and the head of the shown one. A running answer is left to `resume`. */
export function taken({ thread, messages, head_id }: ThreadContent) {
  remember(thread);
  markStored(
    thread.id,
    messages.map(({ id }) => id),
  );
  const running = messages.find(({ id }) => id === thread.job?.answer_id);
  const kept = messages.filter((message) => message !== running);
  const known = new Set(kept.map(({ id }) => id));
  const head = running ? running.parent_id : newestBehind(messages, head_id);
  endedBefore(thread.id, thread.job ? undefined : messages.find(({ id, role }) => id === head && role === "assistant"));
  const { context_messages: context, id: answerId } = running ?? {};
  if (answerId && context) changeState(thread.id, ({ contexts }) => ({ contexts: { ...contexts, [answerId]: context } }));
  if (head_id) headIs(thread.id, head_id);
  const repository = ExportedMessageRepository.fromBranchableArray(
    // One parent that is missing would make the whole thread load empty.
    kept.map((message) => ({
      message: fromStored(message),
      parentId: message.parent_id && known.has(message.parent_id) ? message.parent_id : null,
    })),
    head !== null && known.has(head) ? { headId: head } : {},
  );
  if (running && kept.some(({ parent_id }) => parent_id === head)) changeState(thread.id, { branches: repository });
  return loaded(repository, running !== undefined);
}

/**
 * The last message of the head's branch. A head that is not the last, as a tab may leave it behind, would make
 * assistant-ui drop what follows.
 */
function newestBehind(messages: readonly StoredMessage[], head: string | null): string | null {
  const next = head === null ? undefined : messages.findLast(({ parent_id }) => parent_id === head);
  return next ? newestBehind(messages, next.id) : head;
}
