import type { UrlTransform } from "react-markdown";

const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** A link's address as the browser would read it, or "" where a click on it must not be possible. */
export function safeLink(url: string): string {
  try {
    const parsed = new URL(url); // what is checked is what is used: tabs, entities and the like are gone behind this
    return SCHEMES.has(parsed.protocol) ? parsed.href : "";
  } catch {
    return ""; // relative: an answer has no business with this house's own addresses
  }
}

/** Raster images inside the text itself. SVG is a document, with all that documents can do. */
export function inlineImage(url: string): string {
  return /^data:image\/(?:png|jpeg|gif|webp|avif);base64,[a-z0-9+/]+={0,2}$/i.test(url) ? url : "";
}

/** Every address in a text goes through here before any component sees it. */
export const safeUrl: UrlTransform = (url, key) => (key === "src" ? inlineImage(url) || safeLink(url) : safeLink(url));
