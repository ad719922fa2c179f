import { expect, test } from "vitest";
import type { LangChainMessage } from "@/runtime/convert";
import { fitted } from "@/runtime/fitting";

const KB = 1024;
const ROOM = 32 * KB; // what is kept for settings and ids
const EVERY = { messages: Number.POSITIVE_INFINITY, bytes: 8 * KB * KB };

const picture = (text: string, bytes = 10 * KB): LangChainMessage => ({
  type: "human",
  content: [
    { type: "text", text },
    { type: "image_url", image_url: { url: "x".repeat(bytes) } },
  ],
});
const words = (text: string): LangChainMessage => ({ type: "human", content: text });
const withImages = (messages: LangChainMessage[]) => messages.map(({ content }) => typeof content !== "string");

test("a conversation that fits is sent as it is", () => {
  const all = [words("a"), picture("b"), picture("c")];
  expect(fitted(all, EVERY)).toEqual({ messages: all, leftOut: 0 });
});

test("the oldest images are left out until the rest fits, and their messages mention them", () => {
  const all = [picture("a", 1 * KB), picture("b"), words("c"), picture("d"), picture("e")];
  const { messages, leftOut } = fitted(all, { ...EVERY, bytes: ROOM + 22 * KB });
  expect(withImages(messages)).toEqual([false, false, false, true, true]);
  expect(messages[1]?.content).toBe("b\n[an image]");
  expect(leftOut).toBe(2);
  expect(JSON.stringify(messages).length).toBeLessThan(ROOM + 22 * KB);
});

test("the images of the question are sent, whatever their size", () => {
  const { messages, leftOut } = fitted([picture("a"), picture("b", 90 * KB)], { ...EVERY, bytes: ROOM + 50 * KB });
  expect([withImages(messages), leftOut]).toEqual([[false, true], 1]);
});

test("images that the server would leave out are left out, and not counted", () => {
  const all = [picture("a"), picture("b"), words("c"), picture("d")];
  const { messages, leftOut } = fitted(all, { ...EVERY, messages: 2 });
  expect([withImages(messages), leftOut]).toEqual([[false, false, false, true], 0]);
});

test("of too many words the latest are sent, after the system prompt", () => {
  const system: LangChainMessage = { type: "system", content: "be brief" };
  const all = [system, words("ä".repeat(10 * KB)), words("b".repeat(10 * KB)), words("c".repeat(10 * KB))];
  expect(fitted(all, { ...EVERY, bytes: ROOM + 25 * KB }).messages).toEqual([system, all[2], all[3]]);
  expect(fitted(all, { ...EVERY, bytes: ROOM }).messages).toEqual([system, all[3]]);
});

test("a chat of many messages sends fewer than the server refuses", () => {
  const all = Array.from({ length: 3_000 }, (_, n) => words(String(n)));
  expect(fitted(all, EVERY).messages).toHaveLength(1_000);
  expect(fitted(all, { ...EVERY, messages: 1_500 }).messages).toHaveLength(1_500);
});
