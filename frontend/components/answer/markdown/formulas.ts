/**
 * Formulas as models write them, into the form that remark-math reads: `\[…\]` and `\(…\)` become dollars, and a dollar
 * that only names a price ("$5 to $10") becomes a plain one, by Pandoc's rule: what opens a formula has no space behind
 * it, what closes it none before it and no digit behind it. Code stays as it is.
 */
export function withDollars(block: string): string {
  if (!/[$]|\\[([]/.test(block) || /^\s*(?:`{3}|~{3}|\$\$)/.test(block)) return block;
  return block.replace(PIECE, (piece, _ticks, shown: string | undefined, inline: string | undefined) => {
    if (shown !== undefined) return piece.includes("\n") ? `$$\n${shown.trim()}\n$$` : `$$${shown.trim()}$$`;
    if (inline !== undefined) return `$${inline.trim()}$`;
    return piece === "$" ? "\\$" : piece;
  });
}

/**
 * Code in ticks · `\[…\]` · `\(…\)` · any other escape · `$$…$$` · `$…$` that is a formula · a dollar that is none.
 * Each is bounded, so that a text of nothing but openings does not take the square of its length.
 */
const PIECE =
  /(`+)(?!`)[^]{1,4000}?(?<!`)\1(?!`)|\\\[([^]{1,4000}?)\\\]|\\\(([^\n]{1,1000}?)\\\)|\\[^]|\$\$[^$]{0,4000}\$\$|\$(?=[^\s$])(?:\\[^\n]|[^$\\\n]){1,1000}?(?<!\s)\$(?![\d$])|\$/g;
