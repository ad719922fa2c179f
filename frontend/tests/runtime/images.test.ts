import type { PendingAttachment } from "@assistant-ui/react";
import { afterEach, expect, test } from "vitest";
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

test("a message's images are at most 6 MB together, and less where the server takes less", async () => {
  const { add, remove } = imageAttachments(() => Promise.resolve("x".repeat(5 * MB)));
  const first = (await add({ file: file("a.png") })) as PendingAttachment;
  await expect(add({ file: file("b.png") })).rejects.toThrow("b.png the message's images are over 6 MB");
  await remove(first);
  expect(await add({ file: file("c.png") })).toMatchObject({ name: "c.png", type: "image" });
  limits.set({ ...usual, bytes: 2 * MB });
  await expect(imageAttachments(() => Promise.resolve("x".repeat(2 * MB))).add({ file: file("d.png") })).rejects.toThrow(
    "over 1.5 MB",
  );
});

test("what was sent no longer counts", async () => {
  const { add, send } = imageAttachments(() => Promise.resolve("x".repeat(5 * MB)));
  const first = (await add({ file: file("a.png") })) as PendingAttachment;
  expect((await send(first)).content).toHaveLength(1);
  await add({ file: file("b.png") });
});
