import type { Attachment, PendingAttachment } from "@assistant-ui/react";
import { afterEach, expect, test } from "vitest";
import { fileAttachments } from "@/runtime/attachments";
import { toAttachment } from "@/runtime/convert";
import { fit } from "@/runtime/images";
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
  const adapter = fileAttachments(() => Promise.resolve("x".repeat(bytes)));
  adapter.countIn(() => held);
  const addFile = async (each: File) => void held.push(await (adapter.add({ file: each }) as Promise<PendingAttachment>));
  return { held, addFile, add: (name: string) => addFile(file(name)) };
}

test("the attachments of a message are at most 6 MB together, and less where the server accepts less", async () => {
  const { held, add } = composer(5 * MB);
  await add("a.png");
  await expect(add("b.png")).rejects.toThrow("b.png the message's attachments are over 6 MB");
  held.pop(); // removed, sent, or waiting behind an answer
  await add("c.png");
  expect(held).toMatchObject([{ name: "c.png", type: "image" }]);
  limits.set({ ...usual, bytes: 2 * MB });
  await expect(composer(2 * MB).add("d.png")).rejects.toThrow("over 1.5 MB");
});

test("of two files that are added at once the second counts the first", async () => {
  const { add } = composer(5 * MB);
  const added = await Promise.allSettled([add("a.png"), add("b.png")]);
  expect(added.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
});

test("an image that was put back counts like an image that was just chosen", async () => {
  const { held, add } = composer(2 * MB);
  held.push(toAttachment("x".repeat(5 * MB), 0));
  await expect(add("a.png")).rejects.toThrow("over 6 MB");
});

const KB = 1024;
const added = async (content: BlobPart, name: string, type = "") => {
  const { held, addFile } = composer(1);
  await addFile(new File([content], name, { type }));
  const part = held[0]!.content![0]!;
  return [held[0]!.type, part.type === "text" ? part.text : part.type];
};

test.each([
  ["notes.txt", "text/plain", "a\r\nb\r\n", "a\nb"],
  ["main.rs", "", "fn main() {}\n", "fn main() {}"],
  ["player.ts", "video/mp2t", "let a = 1;", "let a = 1;"], // browsers take TypeScript for a film
  ["drawing.svg", "image/svg+xml", "<svg/>", "<svg/>"],
  ["colours.log", "", "\u001b[31mred\u001b[0m\t\f", "\u001b[31mred\u001b[0m\t\f"],
  ["marked.csv", "text/csv", "\ufeffé;ü", "é;ü"],
])("%s (%j) is attached as text", async (name, type, content, text) => {
  expect(await added(content, name, type)).toEqual(["document", text]);
});

test("a text in UTF-16 with its mark is read", async () => {
  expect(await added(new Uint8Array([0xff, 0xfe, 0x41, 0, 0x3b, 0x4e]), "a.txt")).toEqual(["document", "A\u4e3b"]);
});

test("a letter that a limit would cut in two is whole", async () => {
  const text = `a${"é".repeat(100 * KB)}`;
  expect(await added(text, "a.txt")).toEqual(["document", text]);
});

test.each([
  ["tool", new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]), "tool is neither an image nor a text in UTF-8"],
  ["old.csv", new Uint8Array([0x4d, 0xfc, 0x6c, 0x6c, 0x65, 0x72]), "old.csv is neither an image nor a text in UTF-8"],
  ["paper.pdf", "%PDF-1.7\n%\u0000", "paper.pdf is neither an image nor a text in UTF-8"],
  ["big.log", "x".repeat(256 * KB + 1), "big.log is over 256 KB"],
  ["nothing.txt", " \n", "nothing.txt is empty"],
])("%s is refused in words for people", async (name, content, words) => {
  await expect(added(content, name)).rejects.toThrow(words);
});

test("a folder, which cannot be read, is refused with a sentence for people", async () => {
  const folder = Object.assign(new File([""], "src"), { slice: () => ({ arrayBuffer: () => Promise.reject(new Error("NotFoundError")) }) });
  await expect(composer(1).addFile(folder)).rejects.toThrow("src could not be read. A folder cannot be attached");
});

test("text files have their share of a message's room", async () => {
  limits.set({ ...usual, bytes: 400 * KB });
  const { addFile } = composer(1);
  await addFile(new File(["x".repeat(200 * KB)], "a.txt"));
  await expect(addFile(new File(["x".repeat(200 * KB)], "b.txt"))).rejects.toThrow("With b.txt the message's attachments are over 0.3 MB");
});

test("signs that would turn a name's letters around, or break its line, are removed", async () => {
  const { held, addFile } = composer(1);
  await addFile(new File(["x"], "invoice\u202efdp.\nexe"));
  expect(held[0]?.name).toBe("invoice fdp. exe");
});
