/** Converts between the messages of assistant-ui, of the API and of LangChain. */
import type { ChatModelRunResult, MessageStatus, ThreadMessage, ThreadMessageLike } from "@assistant-ui/react";
import { costOf, type Snapshot } from "@/stream/answer";
import type { StoredMessage } from "@/stream/api";
import { answerError, ownError } from "@/stream/errors";
import { filesOf, splitFiles, toFileAttachment, withFiles } from "./message-files";
import { imagesOf } from "./message-images";
import type { AnswerError, AnswerMeta } from "@/stream/answer-meta";

type Block = { type: "text"; text: string } | { type: "image_url"; image_url: { url: string } };
export type LangChainMessage = { type: "system" | "human" | "ai"; content: string | Block[] };

/** The messages that the model is to read. Answers without a text, and thoughts, are left out. */
export function toLangChain(messages: readonly ThreadMessage[], system?: string | null): LangChainMessage[] {
  const sent = messages.filter(isSent).map(langChain);
  return system?.trim() ? [{ type: "system", content: system }, ...sent] : sent;
}

/** Whether the model is to read the message; a message without words and images is left out. */
export const isSent = (message: ThreadMessage): boolean => wordsOf(message) !== "" || imagesSent(message).length > 0;

/** All that can be read in a message: its words, and the text files that are attached to it. */
export const wordsOf = (message: Pick<ThreadMessage, "content" | "attachments">): string => withFiles(textOf(message), filesOf(message));

export const textOf = (message: Pick<ThreadMessage, "content">): string =>
  message.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");

function langChain(message: ThreadMessage): LangChainMessage {
  const type = message.role === "user" ? "human" : message.role === "assistant" ? "ai" : "system";
  const text = wordsOf(message);
  const images = imagesSent(message);
  if (images.length === 0) return { type, content: text };
  const words: Block[] = text ? [{ type: "text", text }] : [];
  return { type, content: [...words, ...images.map((url): Block => ({ type: "image_url", image_url: { url } }))] };
}

const imagesSent = (message: ThreadMessage): string[] => (message.role === "user" ? imagesOf(message) : []);

/** A snapshot as an update of the message on the page, without empty parts, which the page would draw. */
export function toResult({ text, thinking, toolCalls, meta }: Snapshot): ChatModelRunResult {
  return {
    content: [
      ...(thinking ? [{ type: "reasoning" as const, text: thinking }] : []),
      ...toolCalls.map(({ id, name, args }) => ({
        type: "tool-call" as const,
        toolCallId: id,
        toolName: name,
        args: args as Record<string, never>,
        argsText: JSON.stringify(args),
      })),
      ...(text ? [{ type: "text" as const, text }] : []),
    ],
    metadata: { custom: { answer: meta } },
    ...statusOf(meta),
  };
}

function statusOf(meta: AnswerMeta): { status?: MessageStatus } {
  if (meta.phase === "done")
    return { status: meta.finishReason === "length" ? { type: "incomplete", reason: "length" } : COMPLETE };
  if (meta.phase === "cancelled") return { status: { type: "incomplete", reason: "cancelled" } };
  if (meta.phase === "failed")
    return { status: { type: "incomplete", reason: "error", error: meta.error?.message ?? "" } };
  return {};
}

const COMPLETE = { type: "complete", reason: "stop" } as const;

/**
 * A stored message as assistant-ui reads it. Images and files are attachments, as they are on a message that was just
 * sent.
 */
export function fromStored(message: StoredMessage): ThreadMessageLike {
  const about = { id: message.id, createdAt: new Date(message.created_at) };
  if (message.role === "user") {
    const { words, files } = splitFiles(message.text);
    return { ...about, role: "user", content: words, attachments: [...message.images.map(attachment), ...files.map(toFileAttachment)] };
  }
  const snapshot = { text: message.text, thinking: message.thinking ?? "", toolCalls: [], meta: metaOf(message) };
  const { content = [], metadata, status = COMPLETE } = toResult(snapshot);
  return { ...about, role: "assistant", content, status, metadata: { custom: metadata?.custom ?? {} } };
}

export const toAttachment = (image: string, place: number) => ({
  id: `image-${place}`,
  type: "image" as const,
  name: `Image ${place + 1}`,
  status: { type: "complete" as const },
  content: [{ type: "image" as const, image }],
});

const attachment = ({ mime, data }: StoredMessage["images"][number], place: number) =>
  toAttachment(`data:${mime};base64,${data}`, place);

/**
 * What is stored of an answer's job. An answer that still runs, and that the page does not follow, has an error that
 * states this.
 */
export function metaOf(message: StoredMessage): AnswerMeta {
  const { status } = message;
  return {
    phase: status === "complete" ? "done" : status === "cancelled" ? "cancelled" : "failed",
    jobId: message.job_id ?? undefined,
    worker: message.worker ?? undefined,
    model: message.model ?? undefined,
    ...costOf(message.usage, message.timings),
    tokensPerSecond: message.tokens_per_second ?? undefined,
    finishReason: message.finish_reason ?? undefined,
    feedback: message.feedback ?? undefined,
    contextMessages: message.context_messages ?? undefined,
    error: errorOf(message),
  };
}

function errorOf({ status, error }: StoredMessage): AnswerError | undefined {
  if (status === "running") return ownError("runs_beside");
  return error ? answerError(error) : undefined;
}
