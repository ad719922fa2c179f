// Computes one hash of the page's sources, which shows whether `out` is still the page of these sources.
//
// `sluice/frontend.py` computes the same hash, and a test compares the two. SHA-256 over a line for each file, sorted by
// path: the path below this folder with `/`, a tab, the SHA-256 of its bytes in hex, a newline. A file counts unless a
// part of its path begins with a dot, is one of NOT_SOURCES, or the file is a note that a tool left.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const NOT_SOURCES = new Set(["node_modules", "out", "out.new", "out.old", "tests", "coverage", "next-env.d.ts"]);
const NOTES = /(\.tsbuildinfo|~)$/;

const sha256 = (data) => createHash("sha256").update(data).digest("hex");

function* sourcesOf(folder, below = "") {
  for (const entry of readdirSync(folder + below, { withFileTypes: true })) {
    if (entry.name.startsWith(".") || NOT_SOURCES.has(entry.name) || NOTES.test(entry.name)) continue;
    if (entry.isDirectory()) yield* sourcesOf(folder, `${below}${entry.name}/`);
    else if (entry.isFile()) yield below + entry.name;
  }
}

/** `folder`: the front end's, with a slash at its end. */
export function sourceHash(folder) {
  const paths = [...sourcesOf(folder)].sort();
  return sha256(paths.map((path) => `${path}\t${sha256(readFileSync(folder + path))}\n`).join(""));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(sourceHash(fileURLToPath(new URL("..", import.meta.url))));
