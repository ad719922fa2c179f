import type { ThreadRuntime } from "@assistant-ui/react";
import { beforeEach, expect, test, vi } from "vitest";
import { keepLive } from "@/runtime/live";
import { addPending, flush, pendingOf, readPending, sendNow } from "@/runtime/pending";
import { runBegan, runEnded } from "@/runtime/thread-states";

let count = 0;
let id = "";
const append = vi.fn();
const cancelRun = vi.fn();
const thread = { append, cancelRun } as unknown as ThreadRuntime;
const sent = () => append.mock.calls.map(([message]) => message.content[0]?.text);
const choose = (mode: string) => {
  localStorage.setItem("sluice.pending", JSON.stringify(mode));
  readPending();
};

beforeEach(() => {
  vi.clearAllMocks();
  id = `t${++count}`;
  keepLive(id, thread);
  runBegan(id);
  choose("queue");
});

test("messages wait for the answer, and go one by one", () => {
  addPending(id, "one", []);
  addPending(id, "two", []);
  expect(sent()).toEqual([]);
  flush(id, thread, "done");
  expect(sent()).toEqual(["one"]);
  flush(id, thread, "done");
  expect(sent()).toEqual(["one", "two"]);
  expect(pendingOf(id)).toEqual([]);
});

test.each(["failed", "stopped", "cancelled", "detached"] as const)("after an answer that %s they stay", (outcome) => {
  addPending(id, "one", []);
  flush(id, thread, outcome);
  expect([sent(), pendingOf(id).length]).toEqual([[], 1]);
});

test("one that replaces stops the answer and goes first", () => {
  addPending(id, "one", []);
  choose("replace");
  addPending(id, "two", ["data:image/png;base64,AA=="]);
  expect(cancelRun).toHaveBeenCalledOnce();
  flush(id, thread, "stopped");
  expect(sent()).toEqual(["two"]);
  expect(append.mock.calls[0]?.[0].attachments).toHaveLength(1);
  expect(pendingOf(id).map(({ text }) => text)).toEqual(["one"]);
});

test("one that is left over can be sent while nothing runs", () => {
  addPending(id, "one", []);
  runEnded(id, true);
  sendNow(id, pendingOf(id)[0]?.id ?? "");
  expect([sent(), cancelRun.mock.calls.length]).toEqual([["one"], 0]);
});

test("a reload of the page loses none of them", () => {
  addPending(id, "one", []);
  const kept = sessionStorage.getItem("sluice.pending") ?? "";
  expect(JSON.parse(kept)[id]).toMatchObject([{ text: "one" }]);
});
