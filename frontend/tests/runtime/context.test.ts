import type { ThreadMessage } from "@assistant-ui/react";
import { expect, test } from "vitest";
import { readFrom } from "@/runtime/context";
import type { AnswerMeta } from "@/stream/answer-meta";

const messageOf = (role: "user" | "assistant", text: string, answer?: Partial<AnswerMeta>) =>
  ({
    id: text,
    role,
    content: text ? [{ type: "text", text }] : [],
    attachments: [],
    metadata: { custom: answer ? { answer: { phase: "done", ...answer } } : {} },
    status: { type: "complete", reason: "stop" },
  }) as unknown as ThreadMessage;

const turn = (answer: Partial<AnswerMeta>, text = "a") => [messageOf("user", "q"), messageOf("assistant", text, answer)];

test("an answer whose model was given some messages was given the last ones before it", () => {
  const messages = [...turn({ jobId: "1" }), ...turn({ jobId: "2" }), ...turn({ jobId: "3", contextMessages: 3 })];
  expect(readFrom(messages)).toBe(2);
});

test("an answer whose model was given all messages begins at the first", () => {
  expect(readFrom([...turn({ jobId: "1", contextMessages: 1 }), ...turn({ jobId: "2" })])).toBe(0);
  expect(readFrom([])).toBe(0);
});

test("answers without a word are not sent, and so not counted", () => {
  const messages = [...turn({ jobId: "1" }), ...turn({ jobId: "2" }, ""), ...turn({ jobId: "3", contextMessages: 3 })];
  expect(readFrom(messages)).toBe(1);
});

test("until the next answer's job is accepted, the answer before it counts", () => {
  const waits: Partial<AnswerMeta> = { phase: "connecting" };
  expect(readFrom([...turn({ jobId: "1" }), ...turn({ jobId: "2", contextMessages: 1 }), ...turn(waits, "")])).toBe(2);
});
