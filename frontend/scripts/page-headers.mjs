// The headers that the page is sent with: only its own files and the inline scripts of this build run as scripts.
import { createHash } from "node:crypto";

const INLINE_SCRIPT = /<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g;

/** Sent with every file. Images and drawings of an answer may not fetch anything from elsewhere either. */
const EVERYWHERE = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};

/** Sent with HTML besides. */
const DOCUMENTS = {
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy":
    "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=(), clipboard-write=(self)",
  "x-frame-options": "DENY",
};

/** The hash, for the CSP, of each script that stands in the HTML itself. */
export function inlineHashes(html) {
  return [...html.matchAll(INLINE_SCRIPT)].map(([, script]) => {
    return `'sha256-${createHash("sha256").update(script).digest("base64")}'`;
  });
}

/** `style-src` has to allow inline styles: Mermaid's and KaTeX's drawings are made of them. */
function contentSecurityPolicy(hashes) {
  return [
    "default-src 'none'",
    `script-src 'self' ${hashes.join(" ")}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join("; ");
}

/** `{documents, files}`, each `{name: value}`: for HTML, and for everything else. `pages`: the HTML texts. */
export function headersOf(pages) {
  const hashes = [...new Set(pages.flatMap(inlineHashes))].sort();
  return {
    documents: { ...EVERYWHERE, ...DOCUMENTS, "content-security-policy": contentSecurityPolicy(hashes) },
    files: EVERYWHERE,
  };
}

/**
 * For `include` in nginx's server block: the same headers. A location that adds a header of its own must include the
 * file again.
 */
export function forNginx({ documents }) {
  const lines = Object.entries(documents).map(([name, value]) => `add_header ${name} "${value}" always;`);
  return `${lines.join("\n")}\n`;
}
