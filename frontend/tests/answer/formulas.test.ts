import { expect, it } from "vitest";
import { endsInFence, fenceIn } from "@/components/answer/markdown/fences";
import { withDollars } from "@/components/answer/markdown/formulas";

it.each([
  ["from $5 to $10", "from \\$5 to \\$10"],
  ["it costs $5", "it costs \\$5"],
  ["$x$ and $y^2$", "$x$ and $y^2$"],
  ["\\(x + 1\\)", "$x + 1$"],
  ["\\[x\\]", "$$x$$"],
  ["\\[\nx\n\\]", "$$\nx\n$$"],
  ["$$x$$", "$$x$$"],
  ["`$5` and ``\\(x\\)``", "`$5` and ``\\(x\\)``"],
  ["```\n$5 \\(x\\)\n```", "```\n$5 \\(x\\)\n```"],
  ["\\$5 and \\\\", "\\$5 and \\\\"],
  ["$a \\$ b$", "$a \\$ b$"],
  ["no sign", "no sign"],
])("formulas of %j become %j", (text, expected) => expect(withDollars(text)).toBe(expected));

it.each([
  ["```py\nx", true],
  ["```py\nx\n```", false],
  ["````\n```\n", true],
  ["- item\n  ```js\n  x", true],
  ["- item\n  ```js\n  x\n  ```", false],
  ["> ~~~\n> x", true],
  ["words", false],
])("%j ends in a fence: %s", (text, expected) => expect(endsInFence(text)).toBe(expected));

it("a text of openings alone is read quickly", () => {
  const before = process.cpuUsage();
  for (const opening of ["\\[ ", "$a ", "`` ` ", "\\( "]) withDollars(opening.repeat(10_000));
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000); // ms of the processor
});

it.each([
  ["```py\nx = 1\n", { language: "py", text: "x = 1", closed: false }],
  ["```py\nx = 1\n```\n\n", { language: "py", text: "x = 1", closed: true }],
  ["~~~~\n~~~\n~~~~", { language: "", text: "~~~", closed: true }],
  ["```c++\n```", { language: "c++", text: "", closed: true }],
  ["```js\n\n\nx\n\n```\n", { language: "js", text: "\n\nx\n", closed: true }],
  ["```js title=x\ny\n", null],
  ["```js", null],
  ["words", null],
  ["```math\nx\n", null],
])("%j is the fence %j", (block, fence) => expect(fenceIn(block)).toEqual(fence));
