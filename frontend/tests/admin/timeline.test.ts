import { expect, test } from "vitest";
import { ranMs, stages, steps, waitedMs } from "@/components/admin/timeline";
import { at, job, mark, T0 } from "./house";

const now = T0 + 20_000;

const twice = job({
  state: "completed",
  ended_at: at(12),
  timeline: [
    mark(0, "accepted"),
    mark(1, "given:1", "w-1"),
    mark(2, "started:1", "w-1"),
    mark(5, "returned:1", "worker_lost"),
    mark(6, "given:2", "w-2"),
    mark(7, "started:2", "w-2"),
    mark(12, "ended", "completed"),
  ],
});

test("a life is cut into waiting, given and running, attempt by attempt", () => {
  expect(stages(twice, now).map(({ phase, from, until }) => [phase, (until - from) / 1000])).toEqual([
    ["queue", 1],
    ["given", 1],
    ["run", 3],
    ["queue", 1],
    ["given", 1],
    ["run", 5],
  ]);
});

test("the time waited ends at the first start; the time run adds the attempts up", () => {
  expect(waitedMs(twice, now)).toBe(2000);
  expect(ranMs(twice, now)).toBe(8000);
});

test("without a mark for the start an attempt ran from when the job was given", () => {
  expect(waitedMs(job(), now)).toBe(2000);
  expect(ranMs(job(), now)).toBe(18_000);
});

test("a job that waits has waited until now and has not run", () => {
  const waiting = job({ state: "queued", timeline: [mark(0, "accepted")] });
  expect(waitedMs(waiting, now)).toBe(20_000);
  expect(ranMs(waiting, now)).toBeNull();
});

test("a job without a timeline is drawn from when it was accepted and when it ended", () => {
  const bare = job({ state: "cancelled", timeline: [], ended_at: at(3) });
  expect(waitedMs(bare, now)).toBe(3000);
});

test("a clock that was set back gives no negative stretch", () => {
  const back = job({ timeline: [mark(5, "accepted"), mark(2, "given:1", "w-1")] });
  expect(stages(back, now)[0]!.until).toBe(stages(back, now)[0]!.from);
});

test("each step shows what happened, where, and how long after the step before", () => {
  expect(steps(twice).map(({ label, detail, afterMs }) => `${label} | ${detail} | ${afterMs}`)).toEqual([
    "Accepted |  | null",
    "Given to a worker, attempt 1 | w-1 | 1000",
    "Started, attempt 1 | w-1 | 1000",
    "Returned to the queue | worker_lost | 3000",
    "Given to a worker, attempt 2 | w-2 | 1000",
    "Started, attempt 2 | w-2 | 1000",
    "Ended | completed | 5000",
  ]);
});
