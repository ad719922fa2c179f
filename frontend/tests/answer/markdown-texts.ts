/** Markdown texts made at random, the same ones in every run. */

export type Random = { below: (bound: number) => number; pick: <T>(from: readonly T[]) => T };

/** Mulberry32: small, and good enough to mix pieces. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (bound: number) => Math.floor(next() * bound);
  return { below, pick: (from) => from[below(from.length)]! };
}

const WORDS = ["alpha", "**bold**", "`code`", "[link](https://a.example)", "[ref]", "[^1]", "$x^2$", "<b>raw</b>", "a\\_b", "\u2028", "é漢🙂"];

const LINES = [
  "", "", "", "# Heading", "Setext\n===", "Other\n---", "---", "***", "> quoted", "> - in a quote", ">", "- item", "* item", "+ item",
  "1. one", "2. two", "2) two", "10. ten", "  - nested", "    - deeper", "\t- by a tab", "   continued", "- [ ] to do", "-", "2.", "```python",
  "```", "~~~~", "~~~", "````", "    indented code", "\tindented by a tab", "$$", "$$\nx = 1\n\ny = 2\n$$", "  $$", "\\[", "\\]", "\\[ a \\]", "| a | b |",
  "| - | - |", "| a | b |\n| :- | -: |\n| 1 | 2 |", "a|b\n-|-\n1|2", "<div>", "</div>", "<details><summary>s</summary>", "<!-- comment", "-->",
  "<script>", "</script>", "<?php", "?>", "<![CDATA[", "]]>", "<!DOCTYPE html>", "[ref]: https://a.example", '[Ref two]: <https://b.example> "title',
  'words with a "quote"', '"', "[^1]: a note", "    its second paragraph", "[^note]:", "![image](https://c.example/x.png)", "   ", "\t", " \t ", "= y", "\\",
];

/** A text of up to `lines` lines; every fourth has the line ends of Windows somewhere, or everywhere. */
export function markdownText(random: Random, lines: number): string {
  const made = Array.from({ length: random.below(lines) + 1 }, () => line(random));
  const ends = random.below(4) ? ["\n"] : random.pick([["\r\n"], ["\n", "\r\n"], ["\n", "\r", "\r\n"]]);
  return made.map((text) => text.replaceAll("\n", random.pick(ends)) + random.pick(ends)).join("");
}

function line(random: Random): string {
  if (random.below(3)) return " ".repeat(random.below(8) ? 0 : random.below(5)) + random.pick(LINES);
  return Array.from({ length: random.below(6) + 1 }, () => random.pick(WORDS)).join(" ");
}
