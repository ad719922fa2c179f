import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { changeSettings, saveAtOnce } from "@/runtime/settings";
import { remember, settingsOf } from "@/runtime/threads";
import type { Thread } from "@/stream/api";

const thread = (system: string | null): Thread => ({
  id,
  title: null,
  archived: false,
  created_at: "",
  updated_at: "",
  settings: { system },
  job: null,
});

let id = "";
let count = 0;
const sent: [system: string, keepalive: boolean | undefined][] = [];
let answer: () => Promise<void>;

beforeEach(() => {
  id = `c${++count}`;
  sent.splice(0);
  answer = () => Promise.resolve();
  vi.useFakeTimers();
  vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
    const { settings } = JSON.parse(String(init?.body)) as { settings: { system: string } };
    sent.push([settings.system, init?.keepalive]);
    await answer();
    return Response.json({ ...thread(settings.system) });
  });
  remember(thread(null));
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("a report of the server from before a change does not undo the change", async () => {
  changeSettings(id, { system: "new" });
  remember(thread("old")); // a list that was read meanwhile
  expect(settingsOf(id).system).toBe("new");
  await vi.advanceTimersByTimeAsync(400);
  expect(sent).toEqual([["new", false]]);
  remember(thread("from another tab"));
  expect(settingsOf(id).system).toBe("from another tab");
});

test("changes are sent one after the other, the last one last", async () => {
  let done = () => {};
  answer = () => new Promise((resolve) => (done = resolve));
  changeSettings(id, { system: "one" });
  await vi.advanceTimersByTimeAsync(400);
  changeSettings(id, { system: "two" });
  await vi.advanceTimersByTimeAsync(400);
  expect(sent).toEqual([["one", false]]);
  done();
  await vi.advanceTimersByTimeAsync(0);
  expect([sent.map(([system]) => system), settingsOf(id).system]).toEqual([["one", "two"], "two"]);
  done();
  await vi.advanceTimersByTimeAsync(0);
});

test("a page that is left sends the change that still waits, once", async () => {
  changeSettings(id, { system: "new" });
  saveAtOnce();
  await vi.advanceTimersByTimeAsync(400);
  expect(sent).toEqual([["new", true]]);
});
