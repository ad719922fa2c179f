/**
 * A photo takes a moment to be made small; a user who sends the message meanwhile wants the photo to be sent with it.
 */
import { useAui, type AssistantClient } from "@assistant-ui/react";
import { act, cleanup, render, waitFor } from "@testing-library/react";
import { useEffect } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useAddFiles } from "@/components/chat/use-add-files";
import { CustomRuntimeProvider, useSend } from "@/runtime";
import { pendingOf, readPending } from "@/runtime/pending";

vi.mock("next/navigation", () => ({ usePathname: () => "/" }));

const AT = "2026-01-02T03:04:05Z";
const MB = 1024 * 1024;
const PHOTO = new File(["x"], "photo.jpg", { type: "image/jpeg" });
let id = "";
let count = 0;
let image = "";
let turns: string[] = [];
let page: { aui: AssistantClient; send: () => Promise<void>; add: (files: File[]) => Promise<void> };
/** The photo that is just being read. */
let photo: Promise<ImageBitmap>;
let read = () => {};
let refuse = () => {};

const thread = () => ({ id, title: id, archived: false, created_at: AT, updated_at: AT, settings: {}, job: null });

async function house(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const path = String(input);
  if (path.startsWith("/api/threads?")) return Response.json({ threads: path.includes("archived=true") ? [] : [thread()], next_cursor: null });
  if (path.endsWith("/messages")) return Response.json({ thread: thread(), messages: [], head_id: null });
  if (!path.endsWith("/chat/stream")) return Response.json(thread());
  turns.push(String(init.body));
  return new Response(new ReadableStream(), { headers: { "X-Sluice-Job": "j" } });
}

function Inside() {
  const [aui, add, { send }] = [useAui(), useAddFiles(), useSend()];
  useEffect(() => void (page = { aui, add, send }));
  return null;
}

/** `running`: an answer, to a first question. */
async function opens(running: boolean): Promise<void> {
  history.replaceState(null, "", `/?c=${id}`);
  render(<CustomRuntimeProvider><Inside /></CustomRuntimeProvider>);
  await waitFor(() => expect(page.aui.thread.getState().capabilities.edit && !page.aui.thread.getState().isLoading).toBe(true));
  if (!running) return;
  act(() => page.aui.composer.setText("first"));
  await act(() => page.send());
  await waitFor(() => expect(turns).toHaveLength(1));
}

/** Pastes the photo, writes, and presses Enter twice before it is read; then it is, or it turns out to be none. */
async function sends(text: string, then: () => void): Promise<void> {
  photo = new Promise((resolve, reject) => {
    read = () => resolve({ width: 4, height: 4, close() {} } as ImageBitmap);
    refuse = () => reject(new Error("no image"));
  });
  act(() => page.aui.composer.setText(text));
  let sent: Promise<unknown>[] = [];
  act(() => void (sent = [page.add([PHOTO]), page.send(), page.send()]));
  expect(waiting().map(([words]) => words)).not.toContain(text);
  then();
  await Promise.all(sent);
}

const waiting = () => pendingOf(id).map(({ text, images }) => [text, images.length]);

beforeEach(() => {
  localStorage.clear();
  readPending();
  id = `i${++count}`;
  turns = [];
  image = "data:image/jpeg;base64,AAAA";
  vi.stubGlobal("fetch", house);
  vi.stubGlobal("createImageBitmap", () => photo);
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(() => ({ drawImage() {}, fillRect() {} }) as never);
  vi.spyOn(HTMLCanvasElement.prototype, "toDataURL").mockImplementation(() => image);
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test("a message that waits for an answer has its picture, though it was sent before the picture was ready", async () => {
  await opens(true);
  await sends("look", () => read());
  expect(waiting()).toEqual([["look", 1]]);
  await waitFor(() => expect(page.aui.composer.getState().isEmpty).toBe(true));
});

test("a message that is sent at once has its picture, too", async () => {
  await opens(false);
  await sends("look", () => read());
  await waitFor(() => expect(turns).toEqual([expect.stringContaining(image)]));
});

test("a message whose picture is refused stays where it was written", async () => {
  await opens(true);
  await sends("look", () => refuse());
  expect([waiting(), page.aui.composer.getState().text]).toEqual([[], "look"]);
});

test("an attached text file is sent as text, fenced below its name", async () => {
  await opens(false);
  act(() => page.aui.composer.setText("what is this?"));
  await act(() => page.add([new File(["print(1)"], "a.py")]));
  await act(() => page.send());
  await waitFor(() => expect(turns).toHaveLength(1));
  expect(JSON.parse(turns[0]!).input.messages).toEqual([{ type: "human", content: "what is this?\n\nAttached file: a.py\n```py\nprint(1)\n```" }]);
});

test("pictures that wait for an answer leave the next message all its room", async () => {
  image = "x".repeat(5 * MB);
  await opens(true);
  for (const text of ["one", "two"]) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- one after the other
    await sends(text, () => read());
  }
  expect(waiting()).toEqual([["one", 1], ["two", 1]]);
});
