/**
 * A diagram's source without parts that would fetch something. Mermaid draws into the page before its SVG can be
 * cleaned: an image node, a tag in a message or a `url(…)` in a style is requested in that moment, and so another host
 * would get what the model wrote into the address.
 *
 * Raises where no part can be left out without changing the drawing.
 */
export function disarmed(source: string): string {
  const plain = decoded(source);
  if (/(?:url|image-set)\s*\(\s*(?!["']?#)/i.test(plain)) throw new Error("a style requests an address");
  if (/@import|@font-face/i.test(plain)) throw new Error("a style requests another style");
  if (/@\{[^}]*\bimg\b\s*["']?\s*:/i.test(plain)) throw new Error("a node is an image from elsewhere");
  if (/(?:^|[;\n])[ \t]*properties\b/i.test(plain)) throw new Error("an actor's properties name its icon");
  return unlinked(source).replace(TAG, (tag) => (HARMLESS.test(tag) ? tag : `‹${tag.slice(1)}`));
}

/** An actor's links become a menu with handlers in its attributes, which the page's CSP refuses while it is drawn. */
const unlinked = (source: string) =>
  /^\s*sequenceDiagram\b/m.test(source) ? source.replace(/(^|[;\n])[ \t]*links?[ \t]+[^:;\n]+:[^\n]*/gi, "$1") : source;

/** `<<interface>>` and text that begins like a tag. */
const TAG = /<<[\w -]+>>|<[a-z/!?][^<>]{0,99}>?/gi;

const HARMLESS = /^(?:<<[\w -]+>>|<\/?(?:br|b|i|u|em|strong|sub|sup|small|code)\s*\/?>)$/i;

/** The source with the escapes of CSS, HTML and Mermaid written out, which could disguise a `url`. */
function decoded(source: string): string {
  return source
    .replace(/\\([0-9a-f]{1,6})[ \t\n]?/gi, (_, code: string) => character(Number.parseInt(code, 16)))
    .replace(/\\(?=[^\n])/g, "")
    .replace(/[&#]#?x([0-9a-f]{1,6});?/gi, (_, code: string) => character(Number.parseInt(code, 16)))
    .replace(/[&#]#?(\d{1,7});?/g, (_, code: string) => character(Number.parseInt(code, 10)))
    .replace(/[&#]lpar;?/gi, "(");
}

const character = (code: number) => (code > 0 && code < 0x110000 ? String.fromCodePoint(code) : "");
