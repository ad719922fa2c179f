import type { MermaidConfig } from "mermaid";
import { disarmed } from "./disarm";
import { sanitised } from "./sanitise";

/** A drawn diagram: an SVG that is complete in itself. */
export type Drawing = { readonly svg: string };

/** The settings that an answer's `%%{init}%%` may not change. */
const OURS = [
  "secure", "securityLevel", "startOnLoad", "maxTextSize", "suppressErrorRendering", "maxEdges", "layout", "look", "theme", "themeCSS",
  "themeVariables", "fontFamily", "altFontFamily", "htmlLabels", "dompurifyConfig", "deterministicIds", "legacyMathML", "forceLegacyMathML",
];

const config = (dark: boolean): MermaidConfig => ({
  startOnLoad: false,
  layout: "dagre", // the default, ELK, weighs 445 KiB
  look: "classic",
  securityLevel: "strict",
  suppressErrorRendering: true,
  theme: dark ? "dark" : "default",
  themeVariables: dark ? { edgeLabelBackground: "#1c1c22" } : {}, // with Mermaid's own grey the words would have a contrast of 4 : 1
  themeCSS: ".edgeLabel rect { opacity: 1 !important }", // else the edge would run through its own words
  fontFamily: "ui-sans-serif, system-ui, sans-serif",
  maxTextSize: 20_000,
  maxEdges: 300,
  htmlLabels: false,
  flowchart: { htmlLabels: false },
  secure: OURS,
});

const MOST_KEPT = 100; // drawings; each is some tens of kilobytes

/**
 * Draws diagrams, one at a time and each only once: Mermaid has one configuration for the whole page, and draws into
 * the page.
 */
class Drafter {
  #turn: Promise<unknown> = Promise.resolve();
  readonly #drawn = new Map<string, Promise<Drawing>>();
  #count = 0;

  /**
   * Fails where the source is no diagram that Mermaid knows, or Mermaid could not be loaded; the next call tries again.
   */
  draw(source: string, dark: boolean): Promise<Drawing> {
    const key = `${dark}${source}`;
    const known = this.#drawn.get(key);
    if (known) return known;
    const drawing = this.#turn.then(() => this.#draw(source, dark));
    this.#turn = drawing.catch(() => undefined);
    this.#keep(key, drawing);
    return drawing;
  }

  async #draw(source: string, dark: boolean): Promise<Drawing> {
    const [{ default: mermaid }, { default: purify }] = await Promise.all([import("mermaid"), import("dompurify")]);
    mermaid.initialize(config(dark));
    const safe = disarmed(source);
    await mermaid.parse(safe);
    const { svg } = await mermaid.render(`diagram-${this.#count++}`, safe);
    return { svg: sanitised(svg, purify) };
  }

  #keep(key: string, drawing: Promise<Drawing>) {
    this.#drawn.set(key, drawing);
    drawing.catch(() => this.#drawn.delete(key));
    const oldest = this.#drawn.keys().next().value;
    if (this.#drawn.size > MOST_KEPT && oldest !== undefined) this.#drawn.delete(oldest);
  }
}

export const drafter = new Drafter();
