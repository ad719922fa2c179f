import { beforeEach, expect, test, vi } from "vitest";
import { activities, lookElsewhere, runBegan, runEnded, seeShown, show } from "@/runtime/activity";
import { openStates, states } from "@/runtime/thread-state";
import { remember } from "@/runtime/threads";
import type { Thread } from "@/stream/api";

const JOB = { id: "j", answer_id: "a" };
const thread = (id: string, job: Thread["job"] = null): Thread => ({
  id,
  title: null,
  archived: false,
  created_at: "",
  updated_at: "",
  settings: {},
  job,
});

let id = "";
let count = 0;
beforeEach(() => {
  id = `s${++count}`;
  states.set(new Map());
  openStates({ [id]: {} });
  show(undefined);
});

test("a thread runs while this page follows its answer", () => {
  runBegan(id, "a");
  expect(activities()[id]).toEqual({ running: true, unread: false });
});

test("an answer that ended out of sight waits to be read, until its thread is shown", () => {
  runBegan(id, "a");
  runEnded(id, true);
  expect(activities()[id]).toEqual({ running: false, unread: true });
  show(id);
  expect(activities()[id]).toBeUndefined();
});

test("an answer that ended on the screen counts as read", () => {
  show(id);
  runBegan(id, "a");
  runEnded(id, true);
  expect(activities()[id]).toBeUndefined();
});

test("an answer that ended in a hidden tab waits to be read until the tab is looked at", () => {
  const visibility = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  show(id);
  runBegan(id, "a");
  runEnded(id, true);
  expect(activities()[id]?.unread).toBe(true);
  visibility.mockRestore();
  seeShown();
  expect(activities()[id]).toBeUndefined();
});

test("a page that stops following an answer does not count it as ended", () => {
  remember(thread(id, JOB));
  runBegan(id, "a");
  runEnded(id, false);
  expect(activities()[id]).toEqual({ running: true, unread: false });
});

test("a thread that runs elsewhere is looked up until it has ended", async () => {
  remember(thread(id, JOB));
  expect(activities()[id]?.running).toBe(true);
  const fetch = vi.spyOn(globalThis, "fetch").mockResolvedValue(Response.json(thread(id)));
  await lookElsewhere();
  expect(fetch).toHaveBeenCalledWith(`/api/threads/${id}`, expect.anything());
  expect(activities()[id]).toEqual({ running: false, unread: true });
  fetch.mockRestore();
});

test("a thread that was deleted elsewhere while it ran is looked up once", async () => {
  remember(thread(id, JOB));
  const gone = Response.json({ error: { code: "thread_not_found", message: "gone" } }, { status: 404 });
  const fetch = vi.spyOn(globalThis, "fetch").mockResolvedValue(gone);
  await lookElsewhere();
  await lookElsewhere();
  expect(fetch).toHaveBeenCalledOnce();
  expect(activities()[id]).toBeUndefined();
  fetch.mockRestore();
});

test("an unreachable server changes nothing about a running thread", async () => {
  remember(thread(id, JOB));
  const fetch = vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("network error"));
  await lookElsewhere();
  expect(activities()[id]?.running).toBe(true);
  fetch.mockRestore();
});
