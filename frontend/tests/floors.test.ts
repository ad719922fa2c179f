/**
 * The page's files stand on floors: a file imports only from its own floor and from those below, and never in a circle.
 */
import { expect, test } from "vitest";
import { IMPORTS, SOURCES, textOf } from "./sources";

/**
 * Each floor and the floors that it may import from. `stream` parses what the server sends, and imports from no other
 * floor.
 */
const FLOORS: Record<string, readonly string[]> = {
  lib: [],
  stream: [],
  runtime: ["stream", "lib"],
  "components/ui": ["lib"],
  "components/answer": ["components/ui"],
  "components/chat": ["components/answer", "components/ui", "runtime", "lib"],
  "components/shell": ["components/chat", "components/ui", "runtime", "lib"],
  "components/admin": ["components/ui", "stream"], // without the runtime: the admin page must not load it
  app: ["components/shell", "components/admin"],
};

const floorOf = (path: string): string | undefined => Object.keys(FLOORS).find((floor) => path.startsWith(`${floor}/`));

const arrows = [...IMPORTS].flatMap(([from, targets]) => targets.map((to) => [from, to] as const));

test("every source file stands on a floor", () => {
  expect(SOURCES.filter((path) => floorOf(path) === undefined)).toEqual([]);
});

test("no file imports from a floor above its own", () => {
  const allowed = (from: string, to: string) => from === to || FLOORS[from]?.includes(to);
  expect(arrows.filter(([from, to]) => !allowed(floorOf(from)!, floorOf(to)!))).toEqual([]);
});

test("no file imports itself, directly or by way of others; types and lazy imports count", () => {
  expect(circles()).toEqual([]);
});

test("all kinds of import are arrows", () => {
  expect(arrows).toContainEqual(["stream/errors.ts", "stream/answer-meta.ts"]); // a type
  expect(arrows).toContainEqual(["components/shell/sheets.tsx", "components/shell/palette/palette.tsx"]); // lazy
  expect(arrows).toContainEqual(["runtime/index.ts", "runtime/answer.ts"]); // passed on
  expect(arrows).toContainEqual(["components/shell/chat-page.tsx", "runtime/index.ts"]); // a folder
});

const TYPE = /^(?:export )?(?:type|class|interface|enum) (\w+)/gm;

test("no two types of one floor share a name", () => {
  const named = SOURCES.flatMap((path) => [...textOf(path).matchAll(TYPE)].map(([, name]) => `${path.split("/")[0]}: ${name}`));
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter((name, at) => named.indexOf(name) !== at)).toEqual([]);
});

/** A way from a file back to itself, for each circle that a walk through all files meets. */
function circles(): string[][] {
  const met: string[][] = [];
  const done = new Set<string>();
  const walk = (path: string, way: readonly string[]) => {
    if (way.includes(path)) return met.push([...way.slice(way.indexOf(path)), path]);
    if (done.has(path)) return;
    for (const next of IMPORTS.get(path) ?? []) walk(next, [...way, path]);
    done.add(path);
  };
  for (const path of SOURCES) walk(path, []);
  return met;
}
