// Measures a page's first load: its HTML and the scripts and styles that the HTML names, compressed with gzip.
import { readFileSync } from "node:fs";

const KIB = 1024;
const LIMITS = { "index.html": 370 * KIB, "admin/index.html": 170 * KIB };
const SCRIPT = /<script\b[^>]*\ssrc="([^"]+)"[^>]*>/g;
const STYLES = /<link\b[^>]*\srel="stylesheet"[^>]*\shref="([^"]+)"[^>]*>/g;

/** Texts that only these libraries contain. A library is fetched when an answer needs it. */
const LAZY = {
  mermaid: "No diagram type detected matching given configuration",
  katex: "KaTeX parse error",
  shiki: "ShikiError",
};

/**
 * The paths that a page names, below the export's folder. No current browser loads scripts for browsers without
 * modules.
 */
function namedIn(html, tag) {
  const tags = [...html.matchAll(tag)].filter(([whole]) => !/\snomodule\b/i.test(whole));
  return [...new Set(tags.map(([, path]) => path.slice(1)))];
}

function lookAt(folder, page, html, sizes) {
  const scripts = namedIn(html, SCRIPT);
  const files = [page, ...scripts, ...namedIn(html, STYLES)];
  const size = files.reduce((sum, path) => sum + sizes.get(path), 0);
  const text = scripts.map((path) => readFileSync(folder + path, "utf8")).join("");
  const early = Object.keys(LAZY).filter((library) => text.includes(LAZY[library]));
  return { page, files: files.length, size, early };
}

function problemsOf({ page, size, early }) {
  const tooMuch = size > (LIMITS[page] ?? Infinity) ? [`${page}: more than ${LIMITS[page] / KIB} KiB in the first load`] : [];
  return [...tooMuch, ...early.map((library) => `${page}: ${library} is in the first load; import() it where it draws`)];
}

/**
 * Prints a line for each page. `pages`: [path, html]; `sizes`: path → bytes as gzip. Returns a sentence for each
 * problem.
 */
export function checkBudget(folder, pages, sizes) {
  const looks = pages.map(([page, html]) => lookAt(folder, page, html, sizes));
  for (const { page, files, size } of looks) {
    console.log(`${page.padEnd(24)} ${String(files).padStart(3)} files ${(size / KIB).toFixed(1).padStart(7)} KiB gzip`);
  }
  return looks.flatMap(problemsOf);
}
