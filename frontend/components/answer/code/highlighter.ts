import { createHighlighterCore, type GrammarState, type HighlighterCore } from "shiki/core";
import { createJavaScriptRegexEngine } from "shiki/engine/javascript";
import { loadGrammar } from "./languages";

/** A piece of a line; `color` is a CSS colour for both schemes, absent where it is the text's own. */
export type ColouredPiece = { readonly text: string; readonly color?: string };

const LINES_A_STEP = 40; // a step of so many lines occupies the page's thread for some milliseconds
const THEMES = { light: "github-light-high-contrast", dark: "github-dark-high-contrast" } as const;

/**
 * Shiki with its JavaScript engine: no WebAssembly and no `eval`, which the page's policy refuses. A file that
 * failed to load is loaded again for the next code.
 */
class Highlighter {
  #core: Promise<HighlighterCore> | undefined;
  readonly #grammars = new Map<string, Promise<void>>();

  /** Lines of coloured pieces. It yields to the page between steps. */
  async lines(code: string, grammar: string): Promise<ColouredPiece[][]> {
    const core = await this.#ready();
    await this.#load(core, grammar);
    const lines = code.split(/\r\n|\n|\r/);
    const coloured: ColouredPiece[][] = [];
    let state: GrammarState | undefined;
    for (let at = 0; at < lines.length; at += LINES_A_STEP) {
      const step = colour(core, lines.slice(at, at + LINES_A_STEP).join("\n"), grammar, state);
      coloured.push(...step.lines);
      state = step.state;
      await breath(); // oxlint-disable-line no-await-in-loop -- a step needs the state of the one before
    }
    return coloured;
  }

  #ready(): Promise<HighlighterCore> {
    const core = (this.#core ??= createCore());
    core.catch(() => (this.#core = undefined));
    return core;
  }

  #load(core: HighlighterCore, grammar: string): Promise<void> {
    const loading = this.#grammars.get(grammar) ?? loadGrammar(grammar).then((input) => core.loadLanguage(input));
    this.#grammars.set(grammar, loading);
    loading.catch(() => this.#grammars.delete(grammar));
    return loading;
  }
}

function createCore(): Promise<HighlighterCore> {
  return createHighlighterCore({
    themes: [import("shiki/themes/github-light-high-contrast.mjs"), import("shiki/themes/github-dark-high-contrast.mjs")],
    langs: [],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  });
}

function colour(core: HighlighterCore, code: string, lang: string, grammarState: GrammarState | undefined) {
  const result = core.codeToTokens(code, { lang, themes: THEMES, defaultColor: "light-dark()", grammarState });
  const plain = result.fg ?? "";
  const piece = (text: string, color: string | undefined): ColouredPiece => (color && !plain.includes(color) ? { text, color } : { text });
  const lines = result.tokens.map((line) => line.map((token) => piece(token.content, token.htmlStyle?.["color"])));
  return { lines, state: result.grammarState };
}

/** Waits until input and frames were handled. */
const breath = () => new Promise<void>((resolve) => setTimeout(resolve));

export const highlighter = new Highlighter();
