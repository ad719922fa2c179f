/**
 * What one line does to the block structure of a Markdown text, at its top level: CommonMark with GFM's tables and
 * footnotes and with formulas. It is coarser than CommonMark wherever that is safe: two lists that follow each
 * other may share a block, but no block ends inside of an element.
 */

/** The element that is open behind a line. */
export type LineState =
  | { readonly kind: "nothing" | "text" | "indented" | "html"; readonly blank: boolean }
  /** A list or a footnote, which holds lines that are indented by at least `hang` columns. */
  | { readonly kind: "list" | "note"; readonly blank: boolean; readonly hang: number; readonly bare: boolean }
  /** A fence, a formula or HTML that ends at a line of its own, blank lines or not. */
  | { readonly kind: "until"; readonly blank: boolean; readonly end: RegExp };

export type LineStep = { readonly state: LineState; /** A new block begins with this line. */ readonly begins: boolean };

export const NOTHING: LineState = { kind: "nothing", blank: false };

/** `line` is without its end. */
export function step(state: LineState, line: string): LineStep {
  if (state.kind === "until") return goOn(state.end.test(line) ? NOTHING : state);
  if (/^[ \t]*$/.test(line)) return goOn(afterBlank(state));
  const inside = stillInside(state, line);
  if (inside) return goOn(inside);
  const opened = opens(line, state);
  if (opened) return { state: opened, begins: true };
  return isLazy(state) ? goOn(state) : { state: { kind: "text", blank: false }, begins: true };
}

/** Plain text right behind a paragraph belongs to it, also where that paragraph stands in a list. */
function isLazy(state: LineState): boolean {
  if (state.kind === "list" || state.kind === "note") return !state.blank && !state.bare;
  return state.kind === "text" && !state.blank;
}

const goOn = (state: LineState): LineStep => ({ state, begins: false });

function afterBlank(state: LineState): LineState {
  const ends = state.kind === "html" || (state.kind === "list" && state.bare);
  return ends ? NOTHING : { ...state, blank: true };
}

/** The state after a line that belongs to the open element by its look alone, or null. */
function stillInside(state: LineState, line: string): LineState | null {
  if (state.kind === "html") return state;
  if (state.kind === "indented" && indentOf(line) >= 4) return { ...state, blank: false };
  if (state.kind !== "list" && state.kind !== "note") return null;
  if (indentOf(line) >= state.hang) return { ...state, blank: false, bare: false };
  return state.kind === "list" && !isRule(line) ? listItem(line) : null;
}

/** The state after a line that begins a block of its own, or null: it is plain text. */
function opens(line: string, before: LineState): LineState | null {
  const interrupts = !before.blank && before.kind !== "nothing" && before.kind !== "indented";
  if (indentOf(line) >= 4) return interrupts ? null : { kind: "indented", blank: false };
  if (interrupts && before.kind === "text" && /^ {0,3}-+[ \t]*$/.test(line)) return null; // underlines a heading
  if (/^ {0,3}#{1,6}([ \t]|$)/.test(line) || isRule(line)) return NOTHING;
  return opensVerbatim(line) ?? opensHtml(line, interrupts) ?? opensHanging(line, interrupts && before.kind === "text");
}

const isRule = (line: string) => /^ {0,3}([-*_])([ \t]*\1){2,}[ \t]*$/.test(line);

/** Code and formulas: their lines mean nothing else until they end. */
function opensVerbatim(line: string): LineState | null {
  const fence = /^ {0,3}(?:(`{3,})[^`]*$|(~{3,}))/.exec(line);
  if (fence) return until(`^ {0,3}${fence[1] ?? fence[2]}${fence[1] ? "`" : "~"}*[ \\t]*$`);
  const dollars = /^ {0,3}(\${2,})[^$]*$/.exec(line)?.[1];
  if (dollars) return until(`^ {0,3}\\\${${dollars.length},}[ \\t]*$`);
  return /^ {0,3}\\\[[ \t]*$/.test(line) ? until(String.raw`\\\][ \t.,;]*$`) : null;
}

const until = (end: string): LineState => ({ kind: "until", blank: false, end: new RegExp(end) });

/** HTML that runs over blank lines: how it begins and how it ends. */
const LONG_HTML: readonly (readonly [RegExp, RegExp])[] = [
  [/^ {0,3}<(?:script|pre|style|textarea)(?=[\s>]|$)/i, /<\/(?:script|pre|style|textarea)>/i],
  [/^ {0,3}<!--/, /-->/],
  [/^ {0,3}<\?/, /\?>/],
  [/^ {0,3}<!\[CDATA\[/, /\]\]>/],
  [/^ {0,3}<![a-z]/i, />/],
];

/** Tags that begin a block wherever they stand (CommonMark 0.31, 4.6, kind 6). */
const BLOCK_TAGS = new RegExp(
  `^ {0,3}</?(?:${[
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt",
    "fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu",
    "menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr",
    "track|ul",
  ].join("|")})(?=[ \\t]|/?>|$)`,
  "i",
);

/** Any other tag, alone on its line. */
const LONE_TAG =
  /^ {0,3}<(?:[a-z][a-z0-9-]*(?:\s+[a-z_:][\w.:-]*(?:\s*=\s*(?:[^\s"'=<>`]+|'[^']*'|"[^"]*"))?)*\s*\/?|\/[a-z][a-z0-9-]*\s*)>[ \t]*$/i;

function opensHtml(line: string, interrupts: boolean): LineState | null {
  const long = LONG_HTML.find(([start]) => start.test(line));
  if (long) return long[1].test(line) ? NOTHING : { kind: "until", blank: false, end: long[1] };
  return BLOCK_TAGS.test(line) || (!interrupts && LONE_TAG.test(line)) ? { kind: "html", blank: false } : null;
}

function opensHanging(line: string, inText: boolean): LineState | null {
  const note = /^ {0,3}\[\^[^\]\s]+\]:[ \t]*(.?)/.exec(line);
  if (note) return { kind: "note", blank: false, hang: 4, bare: !note[1] };
  const item = listItem(line);
  // In the middle of a paragraph "2. …" is words, and so is a bare mark.
  return item && inText && !/^ {0,3}(?:[-*+]|1[.)])[ \t]+\S/.test(line) ? null : item;
}

/** The list that is open behind a line that begins an item of it, or null. */
function listItem(line: string): LineState | null {
  const mark = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$)/.exec(line)?.[0];
  if (!mark) return null;
  const bare = line.trim() === mark.trim();
  const gap = indentOf(line.slice(mark.length), mark.length);
  return { kind: "list", blank: false, hang: mark.length + (bare || gap > 4 ? 1 : gap), bare };
}

/**
 * Columns of white space at a line's start, tabs reaching to every fourth; `column` is where the line's start stands.
 */
function indentOf(line: string, column = 0): number {
  let at = column;
  for (const char of line) {
    if (char === "\t") at += 4 - (at % 4);
    else if (char === " ") at += 1;
    else break;
  }
  return at - column;
}
