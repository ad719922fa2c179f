import { expect, test } from "vitest";
import type { LangChainMessage } from "@/runtime/convert";
import { fitted } from "@/runtime/fitting";

const KB = 1024;
const ROOM = 32 * KB; // what is kept for settings and names
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

test("a conversation that fits goes as it is", () => {
  const said = [words("a"), picture("b"), picture("c")];
  expect(fitted(said, EVERY)).toEqual({ messages: said, leftOut: 0 });
});

test("the oldest images stay behind until the rest fits, and their messages say that there were some", () => {
  const said = [picture("a", 1 * KB), picture("b"), words("c"), picture("d"), picture("e")];
  const { messages, leftOut } = fitted(said, { ...EVERY, bytes: ROOM + 22 * KB });
  expect(withImages(messages)).toEqual([false, false, false, true, true]);
  expect(messages[1]?.content).toBe("b\n[an image]");
  expect(leftOut).toBe(2);
  expect(JSON.stringify(messages).length).toBeLessThan(ROOM + 22 * KB);
});

test("what is asked about goes along, whatever its size", () => {
  const { messages, leftOut } = fitted([picture("a"), picture("b", 90 * KB)], { ...EVERY, bytes: ROOM + 50 * KB });
  expect([withImages(messages), leftOut]).toEqual([[false, true], 1]);
});

test("images that the server would leave out are left out here, which is no news", () => {
  const said = [picture("a"), picture("b"), words("c"), picture("d")];
  const { messages, leftOut } = fitted(said, { ...EVERY, messages: 2 });
  expect([withImages(messages), leftOut]).toEqual([[false, false, false, true], 0]);
});

test("of words that are too many the latest go, after the system prompt", () => {
  const system: LangChainMessage = { type: "system", content: "be brief" };
  const said = [system, words("ä".repeat(10 * KB)), words("b".repeat(10 * KB)), words("c".repeat(10 * KB))];
  expect(fitted(said, { ...EVERY, bytes: ROOM + 25 * KB }).messages).toEqual([system, said[2], said[3]]);
  expect(fitted(said, { ...EVERY, bytes: ROOM }).messages).toEqual([system, said[3]]);
});

test("a chat of many messages sends fewer than the server refuses", () => {
  const said = Array.from({ length: 3_000 }, (_, n) => words(String(n)));
  expect(fitted(said, EVERY).messages).toHaveLength(1_000);
  expect(fitted(said, { ...EVERY, messages: 1_500 }).messages).toHaveLength(1_500);
});
