import type { ChatModelRunOptions } from "@assistant-ui/react";
import { beforeEach, expect, test } from "vitest";
import { markStored, serverId } from "@/runtime/message-ids";
import { openStates } from "@/runtime/thread-state";
import { turnOf } from "@/runtime/turn";

beforeEach(() => openStates({ t: {}, t9: {} }));

const options = (ids: string[], answer: string) =>
  ({
    messages: ids.map((id) => ({
      id,
      role: id.startsWith("a") ? "assistant" : "user",
      content: [{ type: "text", text: id }],
      metadata: { custom: {} },
    })),
    unstable_assistantMessageId: answer,
  }) as unknown as ChatModelRunOptions;

const configurableOf = ({ turn }: ReturnType<typeof turnOf>) =>
  (turn.body as { config: { configurable: Record<string, unknown> } }).config.configurable;

test("a turn names its thread, what it follows, its question and its answer", () => {
  markStored("t", ["u1", "a1"]);
  const turn = turnOf("t", options(["u1", "a1", "u2"], "local"), {});
  expect(configurableOf(turn)).toEqual({
    thread_id: "t",
    parent_id: "a1",
    message_id: serverId("t", "u2"),
    answer_id: serverId("t", "local"),
  });
  expect(turn.turn.key).toBe(turn.ids.answerId);
});

test("a second answer to a question has another id", () => {
  const first = turnOf("t", options(["u1"], "one"), {}).ids;
  const second = turnOf("t", options(["u1"], "two"), {}).ids;
  expect(second.messageId).toBe(first.messageId);
  expect(second.answerId).not.toBe(first.answerId);
});

test("settings that are left to the pool are not sent", () => {
  const sent = configurableOf(
    turnOf("t", options(["u1"], "x"), { model: null, think: null, options: { temperature: 0, stop: [] } }),
  );
  expect(sent).toMatchObject({ temperature: 0 });
  for (const left of ["model", "reasoning", "stop"]) expect(sent).not.toHaveProperty(left);
});

test.each([false, true, "high"] as const)("a choice of thinking is sent: %s", (think) => {
  expect(configurableOf(turnOf("t", options(["u1"], "x"), { think }))).toMatchObject({ reasoning: think });
});

test("a message that waited keeps its ids, and its second answer gets another", () => {
  const ids = { messageId: "m", answerId: "a" };
  const waited = (answer: string) => {
    const given = options(["u1"], answer);
    return { ...given, messages: given.messages.map((message) => ({ ...message, metadata: { custom: { ids } } })) };
  };
  expect(turnOf("t9", waited("one") as unknown as ChatModelRunOptions, {}).ids).toEqual(ids);
  markStored("t9", ["m", "a"]);
  const again = turnOf("t9", waited("two") as unknown as ChatModelRunOptions, {}).ids;
  expect([again.messageId, again.answerId === "a"]).toEqual(["m", false]);
});
