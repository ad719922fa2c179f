import { expect, test } from "vitest";
import { fromStored, wordsOf, toLangChain } from "@/runtime/convert";
import { splitFiles, toFileAttachment, withFiles } from "@/runtime/message-files";

const python = { name: "main.py", text: "print(1)\n\nprint(2)" };

test("a file stands behind the words, fenced below its name", () => {
  expect(withFiles("What is this?", [python])).toBe("What is this?\n\nAttached file: main.py\n```py\nprint(1)\n\nprint(2)\n```");
});

test.each([
  ["words and a file", "What is this?", [python]],
  ["a file alone", "", [python]],
  ["files with fences, heads and empty lines", "a\n\n", [{ name: "a.md", text: "```\n````py\nx\n````\n\nAttached file: b\n```\n```\n\n" }, { name: "no ending", text: "\n" }, python]],
  ["words alone", "words\n```py\nx\n```", []],
  ["a file of nothing", "", [{ name: "a", text: "" }]],
  ["words that begin like a file", "Attached file: x", [python]],
  ["words that talk of a file", "a\n\nAttached file: x\n```\nb", [python]],
])("%s come back as they were", (_, words, files) => {
  expect(splitFiles(withFiles(words, files))).toEqual({ words, files });
});

test.each([
  "Attached file: x\n```\na\n```\nand more words",
  "Attached file: x\n```\na",
  "Attached file: \n```\na\n```",
  "see Attached file: x\n```\na\n```",
])("%j is words", (words) => expect(splitFiles(words)).toEqual({ words, files: [] }));

test("a message full of lines that look like files is split quickly", () => {
  const before = process.cpuUsage();
  splitFiles("\n\nAttached file: x\n```\na".repeat(40_000));
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000); // ms of the processor
});

const stored = { id: "m", parent_id: null, role: "user", images: [], created_at: "2026-01-02T03:04:05Z" };

test("a stored message has its files again, and is the same text for the model", () => {
  const text = withFiles("What is this?", [python]);
  const message = fromStored({ ...stored, text } as never);
  expect(message.content).toBe("What is this?");
  expect(message.attachments).toEqual([toFileAttachment(python, 0)]);
  const shown = { ...message, content: [{ type: "text", text: "What is this?" }] } as never;
  expect([wordsOf(shown), toLangChain([shown])]).toEqual([text, [{ type: "human", content: text }]]);
});

test("the model reads a message that is only a file", () => {
  const shown = { role: "user", content: [], attachments: [toFileAttachment(python, 0)] } as never;
  expect(toLangChain([shown])).toEqual([{ type: "human", content: withFiles("", [python]) }]);
});
