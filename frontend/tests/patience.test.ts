import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { getConfig } from "@testing-library/react";
import { expect, test } from "vitest";

const SLOWEST_MS = 60_000;
const HERE = import.meta.dirname;
const names = readdirSync(HERE, { recursive: true, encoding: "utf8" }).filter((name) => /^(?!patience|answer.bench).*\.tsx?$/.test(name));

/**
 * Ways to wait for less than the other tests: Vitest's own waiting, which ends after a second, and a time of the test's
 * own.
 */
const HASTY = /\bvi\.waitFor\b|\bvi\.waitUntil\b|\bexpect\.poll\b|\btimeout: ?\d|\btestTimeout\b|\basyncUtilTimeout\b|^\s*\}, [\d_A-Z]+\);$/m;

test("no test waits for less than a slow machine takes", () => {
  expect(getConfig().asyncUtilTimeout).toBeGreaterThanOrEqual(SLOWEST_MS);
  expect(names.length).toBeGreaterThan(40);
  expect(names.filter((name) => HASTY.test(readFileSync(join(HERE, name), "utf8")))).toEqual([]);
});
