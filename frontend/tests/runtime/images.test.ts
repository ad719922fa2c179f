import type { PendingAttachment } from "@assistant-ui/react";
import { expect, test } from "vitest";
import { fit, imageAttachments } from "@/runtime/images";

const file = (name: string) => new File(["x"], name, { type: "image/png" });
const MB = 1024 * 1024;

test("an image keeps its shape, and is never made larger", () => {
  expect(fit(3136, 1568)).toEqual({ width: 1568, height: 784 });
  expect(fit(100, 50)).toEqual({ width: 100, height: 50 });
  expect(fit(10_000, 1)).toEqual({ width: 1568, height: 1 });
});

test("a message's images are at most 8 MB together", async () => {
  const { add, remove } = imageAttachments(() => Promise.resolve("x".repeat(5 * MB)));
  const first = (await add({ file: file("a.png") })) as PendingAttachment;
  await expect(add({ file: file("b.png") })).rejects.toThrow("b.png the message's images are over 8 MB");
  await remove(first);
  expect(await add({ file: file("c.png") })).toMatchObject({ name: "c.png", type: "image" });
});

test("what was sent no longer counts", async () => {
  const { add, send } = imageAttachments(() => Promise.resolve("x".repeat(5 * MB)));
  const first = (await add({ file: file("a.png") })) as PendingAttachment;
  expect((await send(first)).content).toHaveLength(1);
  await add({ file: file("b.png") });
});
