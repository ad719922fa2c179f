import { expect, test } from "vitest";
import { append, columns, extent, merge, WINDOW_SECONDS } from "@/components/admin/points";
import { point, T0 } from "./house";

const seconds = (points: { at: string }[]) => points.map(({ at }) => (Date.parse(at) - T0) / 1000);

test("points older than the window are dropped", () => {
  const points = append([point(0), point(10)], point(WINDOW_SECONDS + 5));
  expect(seconds(points)).toEqual([10, WINDOW_SECONDS + 5]);
});

test("a point that is not newer than the last is dropped", () => {
  expect(seconds(append([point(4)], point(4)))).toEqual([4]);
});

test("the history replaces the live points of its time, since more jobs had ended when it was computed", () => {
  const merged = merge([point(2, { wait_ms: 70 }), point(4, { wait_ms: 80 })], [point(1), point(3), point(5)]);
  expect(seconds(merged)).toEqual([1, 2, 4, 5]);
});

test("without a history the live points stay", () => {
  expect(seconds(merge([], [point(1)]))).toEqual([1]);
});

test("the line has a hole where no process looked at the pool", () => {
  const [times, depths] = columns([point(0, { depth: 1 }), point(60, { depth: 2 })], [(at) => at.depth]);
  expect(times).toHaveLength(3);
  expect(depths).toEqual([1, null, 2]);
});

test("the extent skips unknown values", () => {
  const points = [point(0, { wait_ms: 9 }), point(1, { wait_ms: 4 }), point(2)];
  expect(extent(points, (at) => at.wait_ms)).toEqual({ last: 4, max: 9 });
  expect(extent([point(0)], (at) => at.wait_ms)).toEqual({ last: null, max: null });
});
