/**
 * Runs an answer: sends a turn or picks up a job, shows the answer as it grows, and reports its start and end to other
 * tabs.
 */
import type { ChatModelRunOptions, ChatModelRunResult } from "@assistant-ui/react";
import type { Snapshot } from "@/stream/answer";
import { getMessages, type StoredMessage } from "@/stream/api";
import { follow, isDetach, type Source } from "@/stream/follow";
import { pace } from "@/stream/pace";
import { runBegan, runEnded } from "./activity";
import { answerIdOf } from "./assistant-ui";
import { setReconnecting } from "./connection";
import { fromStored, metaOf, toResult } from "./convert";
import { headIs } from "./heads";
import { alias, isStored, markStored } from "./message-ids";
import { isStale, refresh } from "./reload";
import { report } from "./tabs";
import { changeState, stateOf, type End, type Outcome } from "./thread-state";
import { listChanged, settingsOf } from "./threads";
import { nameThread } from "./titles";
import { turnOf, type TurnIds } from "./turn";
import type { AnswerMeta } from "@/stream/answer-meta";
import { keepUnsent, markArrived } from "./unsent";

/** How the thread's last answer ended; undefined: it has not ended, or the page does not know how. */
export const endOf = (threadId: string): End | undefined => stateOf(threadId).end;

/** How the thread's last answer ended according to the history. */
export function endedBefore(threadId: string, answer: StoredMessage | undefined): void {
  changeState(threadId, { end: answer && { how: answer.status === "complete" ? "done" : "failed", answerId: answer.id } });
}

/** Whether this page has followed the answer to its end, and shows it: other tabs can report nothing new of it. */
export const sawEnd = (threadId: string, answerId: string): boolean => stateOf(threadId).seenEnds.has(answerId);

/** assistant-ui's run. `begin` returns the thread's id, and stores a new thread first. */
export async function* runTurn(
  options: ChatModelRunOptions,
  begin: () => Promise<string>,
): AsyncGenerator<ChatModelRunResult, void> {
  const threadId = await begin();
  const { turn, ids, leftOut } = turnOf(threadId, options, settingsOf(threadId));
  keepUnsent(threadId, ids.messageId, options.messages.at(-1));
  yield* run(threadId, { turn }, ids, options.abortSignal, leftOut > 0 ? { imagesLeftOut: leftOut } : {});
}

/** assistant-ui's resume: the answer on the page is the server's `answerId`. */
export async function* resumeJob(
  options: ChatModelRunOptions,
  threadId: string,
  job: { id: string; answer_id: string },
  contextMessages?: number,
): AsyncGenerator<ChatModelRunResult, void> {
  alias(threadId, answerIdOf(options), job.answer_id);
  markStored(threadId, [job.answer_id]);
  const ids = { messageId: "", answerId: job.answer_id };
  yield* run(threadId, { jobId: job.id }, ids, options.abortSignal, { contextMessages });
}

async function* run(
  threadId: string,
  source: Source,
  ids: TurnIds,
  signal: AbortSignal,
  about: Partial<AnswerMeta> = {},
): AsyncGenerator<ChatModelRunResult, void> {
  let last: Snapshot | undefined;
  runBegan(threadId, ids.answerId);
  try {
    for await (const snapshot of pace(follow(source, signal))) {
      if (!last?.meta.jobId && snapshot.meta.jobId) accepted(threadId, ids, "turn" in source);
      last = snapshot;
      const { jobId, phase } = snapshot.meta;
      setReconnecting(threadId, phase === "reconnecting" && jobId !== undefined); // without a job there is no answer that could be lost
      yield await result(threadId, ids, { ...snapshot, meta: { ...snapshot.meta, ...about } });
    }
  } finally {
    ended(threadId, ids, outcome(last, signal), "turn" in source);
    if (!last?.meta.jobId) void learnStored(threadId, ids.answerId);
  }
}

/** The server has accepted the job, and stored both messages with it. */
function accepted(threadId: string, { messageId, answerId }: TurnIds, isNew: boolean): void {
  markStored(threadId, [messageId, answerId].filter(Boolean));
  markArrived(threadId, messageId);
  headIs(threadId, answerId);
  if (isNew) report({ type: "began", threadId, answerId });
  listChanged();
}

function outcome(last: Snapshot | undefined, signal: AbortSignal): Outcome {
  if (signal.aborted) return isDetach(signal) ? "detached" : "stopped";
  const phase = last?.meta.phase;
  return phase === "done" || phase === "cancelled" ? phase : "failed";
}

function ended(threadId: string, { answerId }: TurnIds, how: Outcome, isNew: boolean): void {
  changeState(threadId, { end: { how, answerId }, reconnecting: false });
  runEnded(threadId, how !== "detached");
  if (how === "detached") return;
  // An answer that was refused has not begun: another tab may send the turn again.
  if (how !== "failed" || isStored(threadId, answerId)) {
    changeState(threadId, ({ seenEnds }) => ({ seenEnds: new Set(seenEnds).add(answerId) }));
    if (isNew) report({ type: "ended", threadId, answerId });
  }
  listChanged();
  if (how === "done") void nameThread(threadId);
}

/** After a refusal only the server knows whether it stored the messages; if it did, other tabs lack them. */
async function learnStored(threadId: string, answerId: string): Promise<void> {
  const content = await getMessages(threadId).catch(() => null);
  if (!content) return;
  markStored(
    threadId,
    content.messages.map(({ id }) => id),
  );
  if (!isStored(threadId, answerId)) return;
  if (!sawEnd(threadId, answerId)) report({ type: "ended", threadId, answerId });
  if (isStale(threadId)) refresh(threadId);
}

/** The snapshot as an update of the message. An answer that the queue has forgotten is looked up in the history. */
async function result(threadId: string, { answerId }: TurnIds, snapshot: Snapshot): Promise<ChatModelRunResult> {
  if (snapshot.meta.error?.code !== "job_forgotten") return toResult(snapshot);
  const content = await getMessages(threadId).catch(() => null);
  const message = content?.messages.find(({ id }) => id === answerId);
  if (!message || message.status === "running") return toResult(snapshot);
  const { content: parts, status } = fromStored(message);
  return {
    ...toResult({ ...snapshot, text: message.text, thinking: message.thinking ?? "", meta: metaOf(message) }),
    ...(typeof parts === "string" ? {} : { status }),
  };
}
