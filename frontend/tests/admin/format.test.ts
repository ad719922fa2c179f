import { expect, test } from "vitest";
import { age, duration, memory, rate, shortId } from "@/components/admin/format";

test("durations keep two figures that matter", () => {
  const read = [0, 85.4, 999.6, 1400, 9960, 12_345, 65_000, 3_600_000, 100_000_000].map(duration);
  expect(read).toEqual(["0 ms", "85 ms", "1.0 s", "1.4 s", "10 s", "12 s", "1 min 05 s", "1 h 00 min", "1 d 3 h"]);
});

test("an unknown value is a dash", () => {
  expect([duration(null), rate(undefined), memory(null, 1024)]).toEqual(["–", "–", "–"]);
});

test("ages count whole units and are never negative", () => {
  expect([-500, 1999, 61_000, 7_300_000, 200_000_000].map(age)).toEqual(["0 s", "1 s", "1 min", "2 h", "2 d"]);
});

test("memory is shown in GiB", () => {
  expect(memory(52_210, 81_559)).toBe("51.0 / 80 GiB");
});

test("a short id is left whole", () => {
  expect([shortId("0a1b2c3d-0000"), shortId("job-7")]).toEqual(["0a1b2c3d", "job-7"]);
});
