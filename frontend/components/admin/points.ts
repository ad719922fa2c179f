import type { Point } from "./types";

export const WINDOW_SECONDS = 15 * 60;
const HOLE_SECONDS = 5; // so long without a point: no process looked at the pool, so no line is drawn

export const secondsOf = (point: Point) => Date.parse(point.at) / 1000;

/** The history, with those live points that it does not cover: it was computed later, when more jobs had ended. */
export function merge(history: Point[], live: Point[]): Point[] {
  const [first, last] = [history[0], history.at(-1)];
  if (!first || !last) return live;
  const before = live.filter((point) => Date.parse(point.at) < Date.parse(first.at));
  const after = live.filter((point) => Date.parse(point.at) > Date.parse(last.at));
  return trim([...before, ...history, ...after]);
}

/** The points with one more; a point that is not newer than the last is dropped. */
export function append(points: Point[], point: Point): Point[] {
  const last = points.at(-1);
  return last && last.at >= point.at ? points : trim([...points, point]);
}

function trim(points: Point[]): Point[] {
  const last = points.at(-1);
  if (!last) return points;
  const from = secondsOf(last) - WINDOW_SECONDS;
  const first = points.findIndex((point) => secondsOf(point) >= from);
  return first > 0 ? points.slice(first) : points;
}

export type Pick = (point: Point) => number | null;
export type Columns = [number[], ...(number | null)[][]];

/** The points as a chart reads them: seconds, then a column of values for each series; null where no process looked. */
export function columns(points: Point[], picks: Pick[]): Columns {
  const times: number[] = [];
  const values: (number | null)[][] = picks.map(() => []);
  for (const point of points) {
    const at = secondsOf(point);
    const before = times.at(-1);
    if (before !== undefined && at - before > HOLE_SECONDS) row(before + 1, null);
    row(at, point);
  }
  return [times, ...values];

  function row(at: number, point: Point | null) {
    times.push(at);
    picks.forEach((pick, index) => values[index]!.push(point && pick(point)));
  }
}

/** The newest known value and the highest one; null where there is none. */
export function extent(points: Point[], pick: Pick): { last: number | null; max: number | null } {
  let last: number | null = null;
  let max: number | null = null;
  for (const point of points) {
    const value = pick(point);
    if (value === null) continue;
    last = value;
    max = max === null ? value : Math.max(max, value);
  }
  return { last, max };
}
