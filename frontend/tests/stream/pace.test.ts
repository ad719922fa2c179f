/* oxlint-disable no-await-in-loop -- one step follows the other */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pace } from "@/stream/pace";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function* every(ms: number, count: number): AsyncGenerator<number> {
  for (let n = 1; n <= count; n++) {
    yield n;
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

async function collect<T>(source: AsyncGenerator<T>): Promise<T[]> {
  const values: T[] = [];
  const reading = (async () => {
    for await (const value of source) values.push(value);
  })();
  await vi.advanceTimersByTimeAsync(60_000);
  await reading;
  return values;
}

test("the first value comes at once, then one each 50 ms, and the last is never lost", async () => {
  const values = await collect(pace(every(10, 23)));
  expect(values[0]).toBe(1);
  expect(values.at(-1)).toBe(23);
  expect(values.length).toBeLessThan(8);
});

test("a slow source is not held back", async () => {
  expect(await collect(pace(every(100, 4)))).toEqual([1, 2, 3, 4]);
});

test("a burst is one value and its end", async () => {
  async function* burst() {
    yield* [1, 2, 3, 4, 5];
  }
  expect((await collect(pace(burst()))).at(-1)).toBe(5);
});

test("an error of the source comes after its last value", async () => {
  async function* broken() {
    yield 1;
    yield 2;
    throw new Error("broken");
  }
  const seen: number[] = [];
  const reading = (async () => {
    for await (const value of pace(broken())) seen.push(value);
  })();
  const outcome = expect(reading).rejects.toThrow("broken");
  await vi.advanceTimersByTimeAsync(1000);
  await outcome;
  expect(seen.at(-1)).toBe(2);
});
