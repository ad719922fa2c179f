import { expect, test } from "vitest";
import { announce } from "@/runtime/announcements";
import type { AnswerMeta } from "@/stream/answer-meta";

function announced(...answers: AnswerMeta[]): (string | undefined)[] {
  let before: Parameters<typeof announce>[0];
  return answers.map((answer) => {
    const sentence = announce(before, "m", answer);
    before = { message: "m", phase: answer.phase };
    return sentence;
  });
}

test("a change of state is announced once, tokens and places in the queue never", () => {
  expect(
    announced(
      { phase: "connecting" },
      { phase: "waiting", position: 3 },
      { phase: "waiting", position: 2 },
      { phase: "answering" },
      { phase: "answering" },
      { phase: "done" },
    ),
  ).toEqual([
    undefined,
    "Your message is in the queue at position 3.",
    undefined,
    "The assistant is answering.",
    undefined,
    "The answer is complete.",
  ]);
});

test("the announcement of a failure contains what to do", () => {
  const error = { code: "x", message: "Try again.", retryable: true };
  expect(announced({ phase: "answering" }, { phase: "failed", error }).at(-1)).toBe("The answer failed. Try again.");
});

test("an answer that had ended when the chat was opened is not announced", () => {
  expect(announce(undefined, "m", { phase: "done" })).toBeUndefined();
  expect(announce({ message: "other", phase: "answering" }, "m", { phase: "cancelled" })).toBeUndefined();
});
