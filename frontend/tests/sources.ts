/** The page's source files, and which of them import which. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

export const ROOT = join(import.meta.dirname, "..");
const FOLDERS = ["app", "components", "lib", "runtime", "stream"];
/** `import … from`, `export … from`, `import("…")` and `import type`: a type is an arrow too. */
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g;

/** Paths from the frontend's folder. */
export const SOURCES: readonly string[] = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => join(folder, path)),
).sort();

export const textOf = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** Each file and the files of the page that it imports. */
export const IMPORTS: ReadonlyMap<string, readonly string[]> = new Map(SOURCES.map((path) => [path, importsOf(path)]));

function importsOf(path: string): string[] {
  const names = [...textOf(path).matchAll(IMPORT)].map(([, name]) => name!);
  return [...new Set(names.flatMap((name) => resolved(path, name)))];
}

/** The file that is meant; none for a package or a stylesheet. Raises for a file that is not there. */
function resolved(from: string, name: string): string[] {
  if (!/^(@\/|\.)/.test(name) || name.endsWith(".css")) return [];
  const base = name.startsWith("@/") ? name.slice(2) : normalize(join(dirname(from), name));
  const path = ["", ".ts", ".tsx", "/index.ts", "/index.tsx"].map((end) => base + end).find((each) => SOURCES.includes(each));
  if (path === undefined) throw new Error(`${from} imports ${name}, which is no source file of the page`);
  return [path];
}
