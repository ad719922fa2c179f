/** A thread that is deleted, here or in another tab, leaves nothing on the page or in the browser's storage. */
import { ExportedMessageRepository, type ThreadRuntime } from "@assistant-ui/react";
import { act, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { shown } from "@/runtime/activity";
import { markStored, serverId } from "@/runtime/message-ids";
import { addPending } from "@/runtime/pending";
import { changeSettings } from "@/runtime/settings";
import { forget, isKnown, keepText, openStates, states, type ThreadState } from "@/runtime/thread-state";
import { loadQueues, saveField, saveQueues } from "@/runtime/thread-storage";
import { SOURCES, textOf } from "../sources";
import { aui, follows, house, others } from "./tab";

vi.mock("next/navigation", () => ({ usePathname: () => "/" }));

beforeEach(() => sessionStorage.clear());
afterEach(() => void states.set(new Map()));

/** Everything that the store and the browser's storage hold, as one text; a runtime of assistant-ui as two words. */
function memory(): string {
  const plain = (key: string, value: unknown) => {
    if (key === "live") return value && "a runtime";
    return value instanceof Map || value instanceof Set ? [...value] : value;
  };
  return JSON.stringify([[...states.get()], { ...localStorage }, { ...sessionStorage }], plain);
}

/** Each field names the thread `id`. The compiler demands every new field of ThreadState here. */
const full = (id: string, callOff: () => void): Required<ThreadState> => ({
  thread: { id, title: id, archived: false, created_at: "", updated_at: "", settings: {}, job: { id, answer_id: id } },
  unsavedSettings: { system: id },
  begunHere: true,
  provisionalTitle: id,
  titleRequested: true,
  live: {} as ThreadRuntime,
  composer: { text: id, attachments: [] },
  loadError: id,
  stale: true,
  branches: ExportedMessageRepository.fromArray([{ role: "user", content: id }]),
  followed: id,
  reconnecting: true,
  unread: true,
  end: { how: "done", answerId: id },
  seenEnds: new Set([id]),
  contexts: { [id]: 1 },
  ids: { server: new Map([[id, id]]), local: new Map([[id, id]]), stored: new Set([id]) },
  head: id,
  ratings: { [id]: "up" },
  queue: { items: [{ id, answerId: id, text: id, images: [] }], behind: id },
  unkept: [{ id, answerId: id, text: id, images: [] }],
  replacing: id,
  callOffs: { head: callOff, settings: callOff, load: callOff },
});

test("nothing of a forgotten thread is left, and nothing that was due in it happens", () => {
  const callOff = vi.fn();
  openStates({ gone: full("gone", callOff), stays: full("stays", vi.fn()) });
  for (const id of ["gone", "stays"]) {
    saveField("draft", id, id);
    saveField("unsent", id, { messageId: id, text: id });
    saveQueues({ ...loadQueues(), [id]: { items: [], behind: id } });
  }
  const before = memory();
  expect(before.split("gone").length).toBe(before.split("stays").length);
  forget("gone");
  expect(memory()).not.toContain("gone");
  expect(memory().split("stays").length).toBe(before.split("stays").length);
  expect(callOff).toHaveBeenCalledTimes(3);
});

test("a late change of a forgotten thread brings nothing of it back", () => {
  openStates({ gone: {} });
  forget("gone");
  markStored("gone", ["m"]);
  serverId("gone", "local");
  addPending("gone", "words", []);
  keepText("draft", "gone", "words");
  keepText("unsent", "gone", { messageId: "m", text: "words" });
  expect(memory()).not.toContain("gone");
});

/** The page has all it can have of the shown thread: an answer runs, a message waits, settings are being saved. */
async function isFull(): Promise<void> {
  house.turn(1, "complete");
  house.turn(2, "running");
  await follows(2);
  addPending(house.id, "next", []);
  changeSettings(house.id, { system: "brief" });
  saveField("draft", house.id, "a draft");
  saveField("unsent", house.id, { messageId: house.idOf("q9"), text: "not sent" });
  expect(memory()).toContain(house.idOf("a1"));
}

test("a chat that is deleted while it is answered leaves nothing, though the page stops following the answer only afterwards", async () => {
  await isFull();
  const deleted = vi.fn();
  others.onmessage = ({ data }) => deleted(data);
  await act(() => aui.threads.item({ id: aui.threads.getState().mainThreadId }).delete());
  await waitFor(() => expect(deleted).toHaveBeenCalledWith({ type: "deleted", threadId: house.id }));
  await waitFor(() => expect(house.follows(2)).toBe(false));
  expect(memory()).not.toContain(house.id);
  expect([shown.get(), location.search]).toEqual([undefined, ""]);
});

test("a chat that is deleted in another tab leaves nothing in this one", async () => {
  await isFull();
  house.deleted = true;
  others.postMessage({ type: "deleted", threadId: house.id });
  await waitFor(() => expect(isKnown(house.id)).toBe(false));
  act(() => house.end(2));
  await waitFor(() => expect(aui.thread.getState().isRunning).toBe(false));
  act(() => aui.composer.setText("typed into what is gone"));
  window.dispatchEvent(new Event("pagehide"));
  expect(memory()).not.toContain(house.id);
});

/** What modules keep beside ThreadState; none of it is keyed by a thread's id. */
const KEPT = [
  "components/answer/code/highlighter.ts: highlighter",
  "components/answer/diagram/draw.ts: drafter",
  "components/answer/markdown/blocks.ts: NONE",
  "components/answer/markdown/directions.ts: LEAVES",
  "components/answer/markdown/directions.ts: HOLDERS",
  "components/answer/markdown/urls.ts: SCHEMES",
  "components/answer/markdown/use-math.ts: loaded",
  "components/ui/theme.ts: unkept",
  "runtime/activity.ts: shown", // one id, while it is shown
  "runtime/attachments.ts: coming",
  "runtime/limits.ts: limits",
  "runtime/location.ts: address", // one id, while it is shown
  "runtime/notices.ts: notices",
  "runtime/notices.ts: last",
  "runtime/pending.ts: NONE",
  "runtime/pending.ts: mode",
  "runtime/reload.ts: loadAgain",
  "runtime/settings.ts: saving",
  "runtime/tabs.ts: channel",
  "runtime/thread-list.ts: pages",
  "runtime/thread-list.ts: moreThreads",
  "runtime/thread-list.ts: lostLink", // one id, until the address has changed
  "runtime/thread-state.ts: states",
  "runtime/threads.ts: listVersion",
  "runtime/threads.ts: defaults",
  "runtime/threads.ts: fresh",
  "runtime/use-models.ts: models",
  "runtime/use-models.ts: watchers",
  "runtime/use-models.ts: timer",
  "runtime/use-search.ts: NONE",
  "runtime/use-settings.ts: NONE",
  "stream/dialects.ts: KNOWN",
];

const KEEPS = /^(?:export )?(?:let (\w+)|const (\w+)\b.*?=\s*(?:new (?!Intl|RegExp|TextEncoder)\w|createStore\b|\{\};|\[\];))/gm;

test("no other module keeps anything that could be keyed by a thread's id", () => {
  const kept = SOURCES.flatMap((path) => [...textOf(path).matchAll(KEEPS)].map(([, variable, constant]) => `${path}: ${variable ?? constant}`));
  expect(kept).toEqual(KEPT);
});

test("no other module writes into the browser's storage under a key that could name a thread", () => {
  const importers = SOURCES.filter((path) => textOf(path).includes('/storage"'));
  expect(importers).toEqual([
    "components/ui/overlays.tsx", // "sidebar"
    "components/ui/theme.ts", // "theme"
    "runtime/pending.ts", // "pending", the mode
    "runtime/thread-storage.ts",
    "runtime/threads.ts", // "defaults"
  ]);
  const keys = importers.flatMap((path) => [...textOf(path).matchAll(/\b(?:load|save)(?:<[^>]*>)?\((?!\))([^,)]*)/g)].map(([, key]) => key));
  expect(keys.filter((key) => key!.includes("`"))).toEqual([]);
  expect(SOURCES.filter((path) => /\b(?:local|session)Storage\b(?!\.theme)/.test(textOf(path).replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "")))).toEqual([
    "app/layout.tsx", // the theme, before the first paint
    "lib/storage.ts",
    "runtime/thread-storage.ts",
  ]);
});
