import type { Attachment, PendingAttachment } from "@assistant-ui/react";
import { afterEach, expect, test } from "vitest";
import { toAttachment } from "@/runtime/convert";
import { fit, imageAttachments } from "@/runtime/images";
import { limits } from "@/runtime/limits";

const file = (name: string) => new File(["x"], name, { type: "image/png" });
const MB = 1024 * 1024;
const usual = limits.get();

afterEach(() => limits.set(usual));

test("an image keeps its shape, and is never made larger", () => {
  expect(fit(3136, 1568)).toEqual({ width: 1568, height: 784 });
  expect(fit(100, 50)).toEqual({ width: 100, height: 50 });
  expect(fit(10_000, 1)).toEqual({ width: 1568, height: 1 });
});

/** A composer that each file takes to be of so many bytes. */
function composer(bytes: number) {
  const held: Attachment[] = [];
  const adapter = imageAttachments(() => Promise.resolve("x".repeat(bytes)));
  adapter.countIn(() => held);
  const add = async (name: string) => void held.push(await (adapter.add({ file: file(name) }) as Promise<PendingAttachment>));
  return { held, add };
}

test("a message's images are at most 6 MB together, and less where the server takes less", async () => {
  const { held, add } = composer(5 * MB);
  await add("a.png");
  await expect(add("b.png")).rejects.toThrow("b.png the message's images are over 6 MB");
  held.pop(); // removed, sent, or waiting behind an answer
  await add("c.png");
  expect(held).toMatchObject([{ name: "c.png", type: "image" }]);
  limits.set({ ...usual, bytes: 2 * MB });
  await expect(composer(2 * MB).add("d.png")).rejects.toThrow("over 1.5 MB");
});

test("of two that come at once the second counts the first", async () => {
  const { add } = composer(5 * MB);
  const added = await Promise.allSettled([add("a.png"), add("b.png")]);
  expect(added.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
});

test("an image that was put back counts like one that was just chosen", async () => {
  const { held, add } = composer(2 * MB);
  held.push(toAttachment("x".repeat(5 * MB), 0));
  await expect(add("a.png")).rejects.toThrow("over 6 MB");
});
