import { NOTHING, step, type LineState } from "./lines";

/** A top-level piece of a Markdown text, its trailing blank lines with it. All blocks joined are the text. */
export type Block = {
  readonly text: string;
  /** Labels that the block may refer to: the normalised words of every `[…]` in it. */
  readonly labels: readonly string[];
  /** Link definitions in the block, by label. */
  readonly definitions: ReadonlyMap<string, string>;
};

/** The blocks of a text. Only the last two may change when text is appended. */
export function blocksOf(text: string): readonly Block[] {
  return new Cutter().cut(text);
}

/**
 * Cuts a growing text into blocks at each tick, but each time only from its last line on: a text of 100,000 characters
 * costs as much per tick as a short one. The result is the same as that of `blocksOf`.
 */
export class Cutter {
  #text = "";
  #done: readonly Block[] = [];
  #line: Place = BEGINNING;

  cut(text: string): readonly Block[] {
    if (!text.startsWith(this.#text)) this.#forget();
    this.#text = text;
    this.#takeWholeLines();
    const last = after(this.#line, text, text.length);
    const open = last.begun === this.#line.begun ? [] : [blockOf(text.slice(this.#line.begun, last.begun))];
    const rest = text.slice(last.begun);
    return [...this.#done, ...open, ...(rest ? [blockOf(rest)] : [])];
  }

  #forget() {
    this.#done = [];
    this.#line = BEGINNING;
  }

  #takeWholeLines() {
    const done: Block[] = [];
    for (let end = lineEnd(this.#text, this.#line.at); end > 0; end = lineEnd(this.#text, end)) {
      const next = after(this.#line, this.#text, end);
      if (next.begun > this.#line.begun) done.push(blockOf(this.#text.slice(this.#line.begun, next.begun)));
      this.#line = next;
    }
    if (done.length) this.#done = [...this.#done, ...done];
  }
}

/**
 * A place before the line at `at`, in a block that began at `begun`. `empty`: the block has only blank lines so far.
 */
type Place = { readonly at: number; readonly begun: number; readonly state: LineState; readonly empty: boolean };

const BEGINNING: Place = { at: 0, begun: 0, state: NOTHING, empty: true };

/** The place behind the line that ends at `end`. */
function after(place: Place, text: string, end: number): Place {
  const line = text.slice(place.at, end).replace(/[\r\n]+$/, "");
  const { state, begins } = step(place.state, line);
  return { at: end, begun: begins && !place.empty ? place.at : place.begun, state, empty: place.empty && !begins };
}

/** Where the line that begins at `from` ends, its `\n`, `\r` or `\r\n` included; 0: the line may not be whole yet. */
function lineEnd(text: string, from: number): number {
  const ends = /\r\n|\n|\r(?!$)/g;
  ends.lastIndex = from;
  return ends.test(text) ? ends.lastIndex : 0;
}

function blockOf(text: string): Block {
  if (!text.includes("[")) return { text, labels: [], definitions: NONE };
  const labels = new Set(Array.from(text.matchAll(/\[([^[\]]{1,999})\]/g), (match) => labelOf(match[1]!)));
  return { text, labels: [...labels], definitions: definitionsIn(text) };
}

const NONE: ReadonlyMap<string, string> = new Map();

const DEFINITION =
  /^(?:\s*\n)? {0,3}\[((?!\^)[^[\]]{1,999})\]:[ \t]*\r?\n?[ \t]*(?:<[^<>\r\n]*>|[^\s<]\S*)(?:[ \t]+(?:"[^"\r\n]*"|'[^'\r\n]*'|\([^()\r\n]*\)))?[ \t]*(?:\r?\n|\r|$)/;

/** The definitions at the start of a block; of several with one label the first counts. */
function definitionsIn(text: string): ReadonlyMap<string, string> {
  const definitions = new Map<string, string>();
  let rest = text;
  for (let match = DEFINITION.exec(rest); match; match = DEFINITION.exec(rest)) {
    const label = labelOf(match[1]!);
    if (!definitions.has(label)) definitions.set(label, match[0].trim());
    rest = rest.slice(match[0].length);
  }
  return definitions;
}

/** How CommonMark compares labels. */
function labelOf(words: string): string {
  return words.trim().replace(/\s+/g, " ").toLowerCase();
}

/** For each block the definitions from elsewhere in the text that it refers to, as Markdown; most need none. */
export function definitionsFor(blocks: readonly Block[]): readonly string[] {
  const all = new Map<string, string>();
  for (const block of blocks) for (const [label, text] of block.definitions) if (!all.has(label)) all.set(label, text);
  if (!all.size) return blocks.map(() => "");
  return blocks.map((block) => block.labels.flatMap((label) => all.get(label) ?? []).join("\n"));
}
