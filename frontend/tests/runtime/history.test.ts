import { beforeEach, expect, test } from "vitest";
import { taken } from "@/runtime/history";
import { alias, localId, markStored, serverId, storedParent } from "@/runtime/message-ids";
import { endOf } from "@/runtime/runs";
import { openStates } from "@/runtime/thread-state";
import type { StoredMessage, Thread } from "@/stream/api";

const thread = (job: Thread["job"] = null): Thread => ({
  id: "t",
  title: null,
  archived: false,
  created_at: "",
  updated_at: "",
  settings: {},
  job,
});
const message = (id: string, parent_id: string | null, more: Partial<StoredMessage> = {}): StoredMessage => ({
  id,
  parent_id,
  role: id.startsWith("u") ? "user" : "assistant",
  text: id,
  thinking: null,
  images: [],
  status: "complete",
  model: null,
  job_id: null,
  worker: null,
  error: null,
  finish_reason: null,
  usage: null,
  timings: null,
  tokens_per_second: null,
  feedback: null,
  created_at: "2026-01-02T03:04:05Z",
  ...more,
});
beforeEach(() => openStates({ t1: {}, t2: {}, t3: {}, t4: {} }));

const BRANCHES = [message("u1", null), message("a1", "u1"), message("a2", "u1")];

test("all branches are loaded, and the one that was shown is shown", () => {
  const { messages, headId, unstable_resume } = taken({ thread: thread(), messages: BRANCHES, head_id: "a1" });
  expect(messages.map(({ message: { id }, parentId }) => [id, parentId])).toEqual([
    ["u1", null],
    ["a1", "u1"],
    ["a2", "u1"],
  ]);
  expect([headId, unstable_resume]).toEqual(["a1", false]);
});

test("a running answer is left to be followed, behind its question", () => {
  const running = message("a3", "u1", { status: "running" });
  const { messages, headId, unstable_resume } = taken({
    thread: thread({ id: "j", answer_id: "a3" }),
    messages: [...BRANCHES, running],
    head_id: "a3",
  });
  expect(messages.map(({ message: { id } }) => id)).not.toContain("a3");
  expect([headId, unstable_resume]).toEqual(["u1", true]);
});

test("a head that others have left behind is followed to its branch's end, so that nothing is dropped", () => {
  const longer = [...BRANCHES, message("u2", "a1"), message("a3", "u2"), message("u3", "a2")];
  expect(taken({ thread: thread(), messages: longer, head_id: "a1" }).headId).toBe("a3");
  expect(endOf("t")).toEqual({ how: "done", answerId: "a3" });
  expect(taken({ thread: thread(), messages: longer, head_id: "u1" }).headId).toBe("u3");
});

test("how an answer ended before the page came is known", () => {
  taken({ thread: thread(), messages: BRANCHES, head_id: "a1" });
  expect(endOf("t")).toEqual({ how: "done", answerId: "a1" });
  taken({ thread: thread(), messages: [...BRANCHES, message("a3", "u1", { status: "failed" })], head_id: "a3" });
  expect(endOf("t")?.how).toBe("failed");
  taken({ thread: thread({ id: "j", answer_id: "a2" }), messages: BRANCHES, head_id: "a2" });
  expect(endOf("t")).toBeUndefined();
});

test("a message whose parent is missing does not remove the others", () => {
  const { messages } = taken({ thread: thread(), messages: [...BRANCHES, message("u9", "gone")], head_id: "nowhere" });
  expect(messages).toHaveLength(4);
});

test("a message of the page gets an id of the server, always the same one", () => {
  const name = serverId("t1", "AbCdEfG");
  expect(name).toMatch(/^[0-9a-f-]{36}$/);
  expect(serverId("t1", "AbCdEfG")).toBe(name);
  expect(serverId("t2", "AbCdEfG")).not.toBe(name); // ids of assistant-ui are unique only within a thread
  expect(localId("t1", name)).toBe("AbCdEfG");
});

test("a resumed answer is found under both of its ids", () => {
  alias("t3", "local", "server-1");
  expect([serverId("t3", "local"), localId("t3", "server-1")]).toEqual(["server-1", "local"]);
});

test("a message follows the nearest one that the server has", () => {
  markStored("t4", ["u1", "a1"]);
  expect(storedParent("t4", ["u1", "a1", "refused"])).toBe("a1");
  expect(storedParent("t4", ["u1", "a1"])).toBe("a1");
  expect(storedParent("t4", ["refused"])).toBeNull();
});
