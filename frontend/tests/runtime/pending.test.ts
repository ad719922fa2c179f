import type { ThreadRuntime } from "@assistant-ui/react";
import { beforeEach, expect, test, vi } from "vitest";
import { runBegan, runEnded } from "@/runtime/activity";
import { keepLive } from "@/runtime/live";
import { withFiles } from "@/runtime/message-files";
import { addPending, flush, pendingOf, readPending, sendNow } from "@/runtime/pending";
import { openStates, type Outcome } from "@/runtime/thread-state";

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

let answers = 0;
const end = (how: Outcome) => ({ how, answerId: `a${++answers}` });
const KEPT = "sluice.waiting";
/** Another tab of this browser begins with what is kept. */
const anotherTab = async () => {
  vi.resetModules();
  const tab = await import("@/runtime/pending");
  tab.readPending();
  return tab;
};

beforeEach(() => {
  vi.clearAllMocks();
  localStorage.clear();
  id = `t${++count}`;
  openStates({ [id]: {} });
  keepLive(id, thread);
  runBegan(id, "a");
  choose("queue");
});

test("messages wait for the answer, and are sent one by one", () => {
  addPending(id, "one", []);
  addPending(id, "two", []);
  expect(sent()).toEqual([]);
  flush(id, thread, end("done"));
  expect(sent()).toEqual(["one"]);
  flush(id, thread, end("done"));
  expect(sent()).toEqual(["one", "two"]);
  expect(pendingOf(id)).toEqual([]);
});

test.each(["failed", "stopped", "cancelled", "detached"] as const)("after an answer that %s waiting messages stay", (outcome) => {
  addPending(id, "one", []);
  flush(id, thread, end(outcome));
  expect([sent(), pendingOf(id).length]).toEqual([[], 1]);
});

test("a message that replaces the answer stops it and is sent first", () => {
  addPending(id, "one", []);
  choose("replace");
  addPending(id, "two", ["data:image/png;base64,AA=="]);
  expect(cancelRun).toHaveBeenCalledOnce();
  flush(id, thread, end("stopped"));
  expect(sent()).toEqual(["two"]);
  expect(append.mock.calls[0]?.[0].attachments).toHaveLength(1);
  expect(pendingOf(id).map(({ text }) => text)).toEqual(["one"]);
});

test("a waiting message with a file is sent with it as an attachment", () => {
  addPending(id, withFiles("look", [{ name: "a.py", text: "x" }]), []);
  flush(id, thread, end("done"));
  expect(sent()).toEqual(["look"]);
  expect(append.mock.calls[0]?.[0].attachments).toMatchObject([{ type: "document", name: "a.py", content: [{ text: "x" }] }]);
});

test("a message that is left over can be sent while nothing runs", () => {
  addPending(id, "one", []);
  runEnded(id, true);
  sendNow(id, pendingOf(id)[0]?.id ?? "");
  expect([sent(), cancelRun.mock.calls.length]).toEqual([["one"], 0]);
});

test("neither a reload nor the end of the tab loses a waiting message", async () => {
  addPending(id, "one", []);
  expect((await anotherTab()).pendingOf(id)).toMatchObject([{ text: "one" }]);
});

test("of two tabs that see an answer end only one sends the next message", async () => {
  addPending(id, "one", []);
  addPending(id, "two", []);
  const other = await anotherTab();
  const ended = end("done");
  flush(id, thread, ended);
  other.flush(id, thread, ended);
  expect(sent()).toEqual(["one"]);
  other.flush(id, thread, end("done"));
  flush(id, thread, end("done"));
  expect(sent()).toEqual(["one", "two"]);
});

test("two tabs that look at the same moment send the message under the same ids", async () => {
  addPending(id, "one", []);
  const other = await anotherTab();
  const before = localStorage.getItem(KEPT) ?? "";
  const ended = end("done");
  flush(id, thread, ended);
  localStorage.setItem(KEPT, before);
  other.flush(id, thread, ended);
  const [first, second] = append.mock.calls.map(([message]) => message.metadata.custom.ids);
  expect([sent().length, first]).toEqual([2, second]);
  expect(first.messageId).not.toBe(first.answerId);
});

test("a message for which the browser has no room waits as long as the page", () => {
  const full = vi.spyOn(Storage.prototype, "setItem").mockImplementation((_, value) => {
    if (value.includes("large")) throw new DOMException("full", "QuotaExceededError");
  });
  addPending(id, "one", []);
  addPending(id, "large", []);
  expect(pendingOf(id).map(({ text }) => text)).toContain("large");
  sendNow(id, pendingOf(id).at(-1)?.id ?? "");
  flush(id, thread, end("stopped"));
  expect(sent()).toEqual(["large"]);
  full.mockRestore();
});
