import { describe, expect, it } from "vitest";
import { blocksOf, Cutter } from "@/components/answer/markdown/blocks";
import { markdownText, seeded } from "./markdown-texts";

const texts = (text: string) => blocksOf(text).map((block) => block.text);


/** Ever longer beginnings of a text, as they stream in. */
function* beginnings(text: string, random: ReturnType<typeof seeded>) {
  for (let at = 0; at < text.length; ) {
    at += 1 + random.below(9);
    yield text.slice(0, at);
  }
}

describe("blocks of 10,000 generated texts", () => {
  it("join to the source exactly", () => {
    const random = seeded(1);
    for (let round = 0; round < 10_000; round++) {
      const text = markdownText(random, 24);
      expect(texts(text).join("")).toBe(text);
    }
  });
});

describe("blocks of a growing text", () => {
  it("stay as they are, all but the last two", () => {
    const random = seeded(2);
    for (let round = 0; round < 400; round++) {
      const text = markdownText(random, 30);
      let before: string[] = [];
      for (const beginning of beginnings(text, random)) {
        const now = texts(beginning);
        expect(now.slice(0, Math.max(0, before.length - 2))).toEqual(before.slice(0, -2));
        before = now;
      }
    }
  });

  it("are the same when only the unsettled end is lexed anew", () => {
    const random = seeded(3);
    for (let round = 0; round < 600; round++) {
      const text = markdownText(random, 40);
      const cutter = new Cutter();
      for (const beginning of beginnings(text, random)) expect(cutter.cut(beginning)).toEqual(blocksOf(beginning));
    }
  });

  it("are the same objects once settled, so that nothing about them is computed again", () => {
    const cutter = new Cutter();
    const first = cutter.cut("one\n\ntwo\n\nthree\n\nfour\n");
    const second = cutter.cut("one\n\ntwo\n\nthree\n\nfour\n\nfive\n");
    expect(second[0]).toBe(first[0]);
  });

  it("start over when the text is another", () => {
    const cutter = new Cutter();
    cutter.cut("one\n\ntwo\n\nthree\n\nfour\n");
    expect(cutter.cut("# other\n\ntext\n")).toEqual(blocksOf("# other\n\ntext\n"));
  });

  it("cost the same a tick in an answer of 100,000 characters as in a short one", () => {
    const paragraph = `${"Some words of an answer. ".repeat(8)}\n\n`;
    const cutter = new Cutter();
    const long = paragraph.repeat(500);
    cutter.cut(long);
    const before = process.cpuUsage();
    for (let tick = 0; tick < 100; tick++) cutter.cut(long + paragraph.slice(0, tick));
    expect(process.cpuUsage(before).user / 1_000 / 100).toBeLessThan(5); // ms of the processor, however busy it is; a tick is 50
  });
});

describe("a block", () => {
  it.each([
    ["a formula over blank lines", "before\n$$\nx\n\n- y\n$$\n\nafter\n", ["before\n", "$$\nx\n\n- y\n$$\n\n", "after\n"]],
    ["a formula in brackets", "\\[\nx\n\n- y\n\\]\n\nafter\n", ["\\[\nx\n\n- y\n\\]\n\n", "after\n"]],
    ["a fence in an item", "- a\n\n  ```\n  b\n\n  # c\n  ```\n\nafter", ["- a\n\n  ```\n  b\n\n  # c\n  ```\n\n", "after"]],
    ["a fence behind an item", "1. a\n  ```\n\nb\n  ```\nafter", ["1. a\n", "  ```\n\nb\n  ```\n", "after"]],
    ["items with blank lines between", "- a\n\n- b\n\n  c\n\nafter", ["- a\n\n- b\n\n  c\n\n", "after"]],
    ["a comment over blank lines", "<!-- a\n\n# b\n-->\nafter", ["<!-- a\n\n# b\n-->\n", "after"]],
    ["a heading by underline", "a\n---\n\nb\n", ["a\n---\n\n", "b\n"]],
    ["an unclosed fence", "one\n\n```py\na\n\nb\n", ["one\n\n", "```py\na\n\nb\n"]],
    ["a footnote of two paragraphs", "[^1]: one\n\n    two\n\nafter", ["[^1]: one\n\n    two\n\n", "after"]],
    ["blank lines at the start", "\n\n# one\n", ["\n\n# one\n"]],
    ["a price", "costs $$ a lot\n\nafter", ["costs $$ a lot\n\n", "after"]],
    ["nothing", "", []],
  ])("holds %s", (_, text, blocks) => expect(texts(text)).toEqual(blocks));

  it("knows the label it defines and those it uses", () => {
    const [definition, use] = blocksOf("[The Label]: https://a.example\n\nsee [the  label] and [b][c]\n");
    expect([...definition!.definitions.keys()]).toEqual(["the label"]);
    expect(use?.labels).toEqual(["the label", "b", "c"]);
  });
});
