import { afterEach, expect, test, vi } from "vitest";
import { activities, lookElsewhere } from "@/runtime/activity";
import { moreThreads, threadList } from "@/runtime/thread-list";
import { remember } from "@/runtime/threads";
import type { Thread } from "@/stream/api";

const thread = (id: string, archived: boolean): Thread => ({
  id,
  title: id,
  archived,
  created_at: "2026-01-02T03:04:05Z",
  updated_at: "2026-01-02T03:04:05Z",
  settings: {},
  job: null,
});

/** A server with two pages of archived threads and one page of the others. */
const requests: string[] = [];
vi.stubGlobal("fetch", async (path: string) => {
  if (!path.includes("?")) return (requests.push(path), new Response(null, { status: 204 }));
  const query = new URL(path, "http://here").searchParams;
  requests.push(`${query.get("archived")} ${query.get("cursor")} ${query.get("limit")}`);
  if (query.get("archived") === "false") return Response.json({ threads: [thread("t", false)], next_cursor: null });
  const first = query.get("cursor") === null;
  return Response.json({ threads: [thread(first ? "a1" : "a2", true)], next_cursor: first ? "next" : null });
});

afterEach(() => void requests.splice(0));

test("the archived chats are read on page by page, and nothing is read twice", async () => {
  const first = await threadList.list();
  expect(first.threads.map(({ remoteId, status }) => [remoteId, status])).toEqual([
    ["t", "regular"],
    ["a1", "archived"],
  ]);
  expect(moreThreads.get()).toEqual({ regular: false, archived: true });
  const second = await threadList.list({ after: first.nextCursor });
  expect(second.threads.map(({ remoteId }) => remoteId)).toEqual(["a2"]);
  expect(requests).toEqual(["false null 50", "true null 50", "true next 50"]);
  expect([second.nextCursor, moreThreads.get()]).toEqual([undefined, { regular: false, archived: false }]);
});

test("a list that is read again is read as far as it is shown", async () => {
  const again = await threadList.list(); // after the two pages of the test above
  expect(requests).toEqual(["false null 100", "true null 100"]);
  await threadList.list({ after: again.nextCursor });
  await threadList.list({ after: again.nextCursor });
  await threadList.list({ after: again.nextCursor });
  requests.splice(0);
  expect((await threadList.list()).threads.map(({ remoteId }) => remoteId)).toEqual(["t", "a1", "a2"]);
  expect(requests).toEqual(["false null 200", "true null 200", "true next 50"]);
});

test("a chat that is deleted while it is answered is not looked up again", async () => {
  remember({ ...thread("d", false), job: { id: "j", answer_id: "a" } });
  expect(activities().d?.running).toBe(true);
  await threadList.delete("d");
  await lookElsewhere();
  expect(requests).toEqual(["/api/threads/d"]);
  expect(activities().d).toBeUndefined();
});
