// What a page's first load costs: its HTML and the scripts and styles that this names, as they travel (gzip).
import { readFileSync } from "node:fs";

const KIB = 1024;
const LIMITS = { "index.html": 370 * KIB, "admin/index.html": 170 * KIB };
const SCRIPT = /<script\b[^>]*\ssrc="([^"]+)"[^>]*>/g;
const STYLES = /<link\b[^>]*\srel="stylesheet"[^>]*\shref="([^"]+)"[^>]*>/g;

/** Texts that only these libraries hold. They are drawn with when an answer needs them, and fetched then. */
const LAZY = {
  mermaid: "No diagram type detected matching given configuration",
  katex: "KaTeX parse error",
  shiki: "ShikiError",
};

/** Paths below the export's folder. Scripts for browsers without modules are loaded by none of today's. */
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

/** Prints a line a page. `pages`: [path, html]; `sizes`: path → bytes as gzip. Returns what is over the budget. */
export function checkBudget(folder, pages, sizes) {
  const looks = pages.map(([page, html]) => lookAt(folder, page, html, sizes));
  for (const { page, files, size } of looks) {
    console.log(`${page.padEnd(24)} ${String(files).padStart(3)} files ${(size / KIB).toFixed(1).padStart(7)} KiB gzip`);
  }
  return looks.flatMap(problemsOf);
}
