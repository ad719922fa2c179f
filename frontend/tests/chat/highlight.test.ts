import { expect, it } from "vitest";
import { highlight } from "@/components/shell/highlight";

const ASCII = Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at));

it("marks the words of a query, however they are written", () => {
  expect(highlight("Llama.cpp, llama", "LLAMA").map(({ text, hit }) => [text, hit])).toEqual([
    ["Llama", true],
    [".cpp, ", false],
    ["llama", true],
  ]);
});

it.each(ASCII)("reads the sign %s of a query as itself", (sign) => {
  const query = `${sign}cpp`;
  const pieces = highlight(`0 ${query} 0`, query);
  expect(pieces.filter(({ hit }) => hit).map(({ text }) => text)).toEqual([query]);
  expect(pieces.map(({ text }) => text).join("")).toBe(`0 ${query} 0`);
});
