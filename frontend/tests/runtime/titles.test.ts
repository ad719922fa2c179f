import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openStates, stateOf } from "@/runtime/thread-state";
import { listVersion } from "@/runtime/threads";
import { firstWords, nameThread } from "@/runtime/titles";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("until a model has found a title, a thread is called by its first words", () => {
  expect(firstWords("  What is\n the   capital of France? ")).toBe("What is the capital of France?");
  expect(firstWords("one two three four five six seven eight nine ten")).toBe(
    "one two three four five six seven eight",
  );
  expect(firstWords("x".repeat(100))).toHaveLength(60);
});

test("a title that a job has found is fetched, though it is stored a moment after the job's end", async () => {
  const titles = ["First words", "First words", "A good title"];
  const end =
    'id: 0-1\nevent: completed\ndata: {"type":"completed","finish_reason":"stop","usage":{},"timings":{}}\n\n';
  const fetch = vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const path = String(input);
    if (path.endsWith("/title")) return Response.json({ job: "j" }, { status: 202 });
    if (path.endsWith("/events")) return new Response(end);
    return Response.json({ id: "t1", title: titles.shift(), job: null, settings: {} });
  });
  openStates({ t1: {} });
  const before = listVersion.get();
  const naming = nameThread("t1");
  await vi.advanceTimersByTimeAsync(10_000);
  await naming;
  expect(stateOf("t1").thread?.title).toBe("A good title");
  expect(listVersion.get()).toBe(before + 1);
  await nameThread("t1");
  expect(fetch.mock.calls.filter(([path]) => String(path).endsWith("/title"))).toHaveLength(1); // once is enough
});
