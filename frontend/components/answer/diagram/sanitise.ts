import type { DOMPurify } from "dompurify";

/**
 * Mermaid's SVG without anything that can run, lead away or fetch. Mermaid's own strict level lets images and `url(…)`
 * through, by which a diagram could send the chat to another host.
 */
export function sanitised(svg: string, purify: DOMPurify): string {
  const clean = purify.sanitize(svg, {
    USE_PROFILES: { svg: true, svgFilters: true },
    ADD_TAGS: ["style"],
    FORBID_TAGS: ["a", "image", "img", "feimage", "foreignobject", "script", "use", "animate", "set"],
    FORBID_ATTR: ["href", "xlink:href", "ping", "target"],
  });
  return withoutFetches(clean);
}

/** `url(#…)` names a part of the drawing itself (an arrow's head); every other address and every import goes. */
export function withoutFetches(svg: string): string {
  return svg
    .replace(/url\((?!\s*(?:["']|&quot;)?\s*#)[^)]*\)?/gi, "none")
    .replace(/@import[^;<]*;?/gi, "")
    .replace(/(?:image-set|src)\([^)]*\)?/gi, "none");
}
