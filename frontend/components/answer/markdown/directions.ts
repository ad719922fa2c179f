import type { Node } from "./tree";

/**
 * Gives each block of a text the direction of its words, block by block: languages that are written from right to left
 * stand beside others in one answer. A block of words is left to the browser (`auto`). A block that holds others takes
 * the side of its marks, columns and borders from its first letter, since `auto` ignores blocks that have a direction.
 */
export function direct(node: Node): void {
  const direction = LEAVES.has(node.type) || HOLDERS.has(node.type) ? directionOf(node) : undefined;
  // A block without a letter (a number in a cell) has the direction of its surroundings.
  if (direction) node.data = { ...node.data, hProperties: { ...node.data?.hProperties, dir: HOLDERS.has(node.type) ? direction : "auto" } };
  for (const child of node.children ?? []) direct(child);
}

const LEAVES = new Set(["paragraph", "heading", "tableCell"]);
const HOLDERS = new Set(["blockquote", "list", "listItem", "table", "footnote"]);

/** The direction of the first letter; letters in code and formulas do not count. */
function directionOf(node: Node): "ltr" | "rtl" | undefined {
  const letter = node.type === "text" ? /\p{L}/u.exec(node.value ?? "")?.[0] : undefined;
  if (letter) return FROM_THE_RIGHT.test(letter) ? "rtl" : "ltr";
  for (const child of node.children ?? []) {
    const direction = directionOf(child);
    if (direction) return direction;
  }
  return undefined;
}

/**
 * Hebrew to Arabic Extended-A, their presentation forms, and the two regions of the supplementary plane that Unicode
 * keeps for such scripts.
 */
const FROM_THE_RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
