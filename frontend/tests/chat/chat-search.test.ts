import { expect, it } from "vitest";
import { onePerChat } from "@/components/shell/palette/use-chat-search";
import type { SearchHit } from "@/runtime";

const hit = (thread: string, message_id: string | null = null) => ({ thread: { id: thread }, message_id, snippet: "" }) as SearchHit;

it("lists chats found by their titles before those found by a message, and each chat once", () => {
  const hits = [hit("a", "m1"), hit("b"), hit("a", "m2"), hit("b", "m3"), hit("c", "m4"), hit("d")];
  expect(onePerChat(hits).map(({ thread, message_id }) => [thread.id, message_id])).toEqual([
    ["b", null],
    ["d", null],
    ["a", "m1"],
    ["c", "m4"],
  ]);
});
