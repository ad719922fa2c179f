import type { UrlTransform } from "react-markdown";

const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** A link's address as the browser would read it, or "" where the link must not be clickable. */
export function safeLink(url: string): string {
  try {
    const parsed = new URL(url); // the checked address is the one that is used: tabs, entities and the like are removed here
    return SCHEMES.has(parsed.protocol) ? parsed.href : "";
  } catch {
    return ""; // relative: an answer may not link to addresses of this server
  }
}

/** Raster images inside the text itself. SVG is a document, and can do all that documents can. */
export function inlineImage(url: string): string {
  return /^data:image\/(?:png|jpeg|gif|webp|avif);base64,[a-z0-9+/]+={0,2}$/i.test(url) ? url : "";
}

/** Every address in a text goes through here before any component sees it. */
export const safeUrl: UrlTransform = (url, key) => (key === "src" ? inlineImage(url) || safeLink(url) : safeLink(url));
