import { isFormula } from "./dollars";

/**
 * Turns formulas as models write them into the form that remark-math reads: `\[…\]` and `\(…\)` become dollars, and a
 * dollar that only names a price ("$5 to $10") becomes a plain one. Code and addresses stay as they are.
 */
export function withDollars(block: string): string {
  if (!MAYBE.test(block) || /^\s*(?:`{3}|~{3}|\${2,}[^$\n]*(?:\n|$))/.test(block)) return block;
  // A formula that begins in one cell of a table ends in it.
  return /^\s*\|/.test(block) ? block.split(CELL_END).map(rewritten).join("") : rewritten(block);
}

const MAYBE = /[$]|\\[([]/;
const CELL_END = /((?<!\\)\||\n)/;

function rewritten(text: string): string {
  if (!MAYBE.test(text)) return text;
  const pieces = new RegExp(PIECE);
  let done = "";
  let at = 0;
  for (let match = pieces.exec(text); match; match = pieces.exec(text)) {
    const { shown, inline, dollars, displayed, within } = match.groups!;
    const end = match.index + match[0].length;
    const formula = dollars === undefined || (displayed ?? (within !== undefined && isFormula(text, match.index, end)));
    if (!formula) pieces.lastIndex = match.index + dollars.length; // a dollar that does not end this formula may begin the next
    done += text.slice(at, match.index) + (formula ? asDollars(match[0], shown, inline) : dollars.replaceAll("$", "\\$"));
    at = pieces.lastIndex;
  }
  return done + text.slice(at);
}

function asDollars(piece: string, shown: string | undefined, inline: string | undefined): string {
  if (shown !== undefined) return piece.includes("\n") ? `$$\n${shown.trim()}\n$$` : `$$${shown.trim()}$$`;
  return inline === undefined ? piece : `$${inline.trim()}$`;
}

/** Each pattern is bounded or always ends, so that a text of openings alone does not take the square of its length. */
const PIECE = new RegExp(
  [
    /^(?:[ \t>]|[-*+] |\d+[.)] )*(?<fence>`{3,}|~{3,})[^`\n]*(?:\n[^]*?(?:^[ \t>]*\k<fence>[`~]*[ \t]*$|(?![^]))|(?![^]))/,
    /(?<ticks>`+)(?!`)[^]{1,4000}?(?<!`)\k<ticks>(?!`)/,
    /\b(?:https?:\/\/|www\.)[^\s<>]+/,
    /\\\[(?<shown>[^]{1,4000}?)\\\]/,
    /\\\((?<inline>[^\n]{1,1000}?)\\\)/,
    /\\[^]/,
    /(?<dollars>\$+)(?:(?<=(?<!\$)\$\$)(?<displayed>[^$]{1,4000})\$\$(?!\$)|(?<=(?<!\$)\$)(?<within>(?:\\[^\n]|[^$\\\n`]){1,1000})\$(?!\$))?/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "gm",
);
