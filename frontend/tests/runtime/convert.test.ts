import type { ThreadMessage } from "@assistant-ui/react";
import { describe, expect, test } from "vitest";
import { answerOf } from "@/runtime/answer";
import { fromStored, metaOf, toLangChain, toResult } from "@/runtime/convert";
import { imagesOf } from "@/runtime/message-images";
import type { StoredMessage } from "@/stream/api";

const STORED: StoredMessage = {
  id: "a1",
  parent_id: "u1",
  role: "assistant",
  text: "yes",
  thinking: "hm",
  images: [],
  status: "complete",
  model: "m",
  job_id: "j",
  worker: "w",
  error: null,
  finish_reason: "stop",
  usage: { prompt_tokens: 3, completion_tokens: 9 },
  timings: { queued_ms: 1, load_ms: 20, prompt_ms: 0, first_token_ms: 30, generate_ms: 60, thinking_ms: 15, total_ms: 90 },
  tokens_per_second: 60,
  feedback: "up",
  created_at: "2026-01-02T03:04:05Z",
};
const messageOf = (role: "user" | "assistant", text: string, more: object = {}) =>
  ({
    id: text,
    role,
    content: text ? [{ type: "text", text }] : [],
    metadata: { custom: {} },
    ...more,
  }) as unknown as ThreadMessage;

describe("what the model reads", () => {
  test("begins with the system prompt", () => {
    expect(toLangChain([messageOf("user", "hi")], "be brief")).toEqual([
      { type: "system", content: "be brief" },
      { type: "human", content: "hi" },
    ]);
    expect(toLangChain([messageOf("user", "hi")], "  ")).toHaveLength(1);
  });

  test("has no answers without a text, and no thoughts", () => {
    const thinking = messageOf("assistant", "", {
      content: [
        { type: "reasoning", text: "hm" },
        { type: "text", text: "yes" },
      ],
    });
    expect(toLangChain([messageOf("user", "a"), messageOf("assistant", ""), thinking])).toEqual([
      { type: "human", content: "a" },
      { type: "ai", content: "yes" },
    ]);
  });

  test("has a message's images behind its text", () => {
    const image = { type: "image", image: "data:image/png;base64,AA==" };
    const message = messageOf("user", "what is this", { attachments: [{ id: "1", content: [image] }] });
    expect(toLangChain([message])[0]?.content).toEqual([
      { type: "text", text: "what is this" },
      { type: "image_url", image_url: { url: image.image } },
    ]);
  });
});

describe("a snapshot", () => {
  test("never makes an empty part", () => {
    expect(toResult({ text: "", thinking: "", toolCalls: [], meta: { phase: "waiting" } }).content).toEqual([]);
  });

  test.each([
    ["done", "complete"],
    ["failed", "incomplete"],
    ["cancelled", "incomplete"],
    ["answering", undefined],
  ] as const)("in phase %s leaves the message %s", (phase, type) => {
    expect(toResult({ text: "a", thinking: "", toolCalls: [], meta: { phase } }).status?.type).toBe(type);
  });
});

describe("a stored message", () => {
  test("reports of its job what a stream would have reported", () => {
    expect(metaOf(STORED)).toMatchObject({
      phase: "done",
      jobId: "j",
      worker: "w",
      tokensPerSecond: 60,
      loadMs: 20,
      promptMs: undefined,
      firstTokenMs: 30,
      generateMs: 60,
      thinkingMs: 15,
      promptTokens: 3,
      completionTokens: 9,
      feedback: "up",
    });
    expect(fromStored(STORED)).toMatchObject({
      id: "a1",
      content: [
        { type: "reasoning", text: "hm" },
        { type: "text", text: "yes" },
      ],
      status: { type: "complete" },
    });
  });

  test("that failed explains what to do", () => {
    const failed = fromStored({
      ...STORED,
      status: "failed",
      error: { code: "queue_full", message: "429", retryable: true },
    });
    expect(failed).toMatchObject({
      status: { type: "incomplete", reason: "error" },
      metadata: { custom: { answer: { error: { message: "The queue is full. Try again." } } } },
    });
  });

  test("of a user has its images where a message that was just sent has them", () => {
    const message = fromStored({ ...STORED, role: "user", images: [{ mime: "image/png", data: "AA==" }] });
    expect(imagesOf(message as unknown as ThreadMessage)).toEqual(["data:image/png;base64,AA=="]);
  });
});

describe("an answer that was stopped", () => {
  const message = (status: object) =>
    messageOf("assistant", "half", { status, metadata: { custom: { answer: { phase: "waiting", position: 2 } } } });

  test("is cancelled, though its job last reported something else", () => {
    expect(answerOf(message({ type: "incomplete", reason: "cancelled" }))).toMatchObject({
      phase: "cancelled",
      position: undefined,
    });
    expect(answerOf(message({ type: "running" }))).toMatchObject({ phase: "waiting", position: 2 });
  });

  test("is nothing that a user's message could be", () => {
    expect(answerOf(messageOf("user", "hi"))).toBeUndefined();
  });
});
