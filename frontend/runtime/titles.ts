/** A thread's title: its first words until a model has found a better one. */
import type { ThreadMessage } from "@assistant-ui/react";
import { createAssistantStream } from "assistant-stream";
import { getThread, requestTitle } from "@/stream/api";
import { follow } from "@/stream/follow";
import { pause } from "@/stream/wake";
import { textOf } from "./convert";
import { filesOf } from "./message-files";
import { changeState, stateOf } from "./thread-state";
import { listChanged, remember } from "./threads";

const WORDS = 8;
const LONGEST = 60;
const LOOKS = 5; // the title is written a moment after its job's end

export function firstWords(text: string): string {
  const words = text.trim().split(/\s+/).slice(0, WORDS).join(" ");
  return words.length > LONGEST ? `${words.slice(0, LONGEST - 1).trimEnd()}…` : words;
}

export const titleOf = (threadId: string, title: string | null): string | undefined =>
  title ?? stateOf(threadId).provisionalTitle;

/** What assistant-ui shows as soon as the first message is there. */
export function provisionalTitle(threadId: string, messages: readonly ThreadMessage[]) {
  const first = messages.find(({ role }) => role === "user");
  const title = firstWords(first ? textOf(first) : "") || (first && filesOf(first)[0]?.name) || "Image";
  changeState(threadId, { provisionalTitle: title });
  return Promise.resolve(createAssistantStream((controller) => controller.appendText(title)));
}

/**
 * After an answer: has the server find a title, once a page. A failure is not shown, because nothing depends on the
 * title.
 */
export async function nameThread(threadId: string): Promise<void> {
  if (stateOf(threadId).titleRequested) return;
  changeState(threadId, { titleRequested: true });
  const { job: jobId } = await requestTitle(threadId).catch(() => ({ job: null }));
  if (jobId === null) return;
  const before = await getThread(threadId).catch(() => null);
  for await (const _ of follow({ jobId }, new AbortController().signal)) continue;
  await reread(threadId, before?.title ?? null);
}

/* oxlint-disable no-await-in-loop -- each look waits for the one before */
async function reread(threadId: string, before: string | null): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    const thread = await getThread(threadId).catch(() => null);
    if (thread) remember(thread);
    if (thread && thread.title !== before) return listChanged();
    await pause(1000 * (look + 1));
  }
}
