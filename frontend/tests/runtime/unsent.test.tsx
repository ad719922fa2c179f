/** A message that does not arrive: what the page shows of it, and what is there after a reload. */
import { useAui, type AssistantClient } from "@assistant-ui/react";
import { act, cleanup, render, screen, waitFor } from "@testing-library/react";
import { useEffect } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Banners } from "@/components/shell/banners";
import { answerOf, CustomRuntimeProvider, useDraft } from "@/runtime";
import { openStates } from "@/runtime/thread-state";
import { keepUnsent, markArrived, takeUnsent } from "@/runtime/unsent";

vi.mock("next/navigation", () => ({ usePathname: () => "/" }));

const AT = "2026-01-02T03:04:05Z";
let id = "";
let count = 0;
let reached = true;
let aui: AssistantClient;

const thread = () => ({ id, title: id, archived: false, created_at: AT, updated_at: AT, settings: {}, job: null });

/** The server: one thread without messages; no turn arrives while the server is not `reached`. */
async function house(input: RequestInfo | URL): Promise<Response> {
  const path = String(input);
  if (path.startsWith("/api/threads?")) return Response.json({ threads: path.includes("archived=true") ? [] : [thread()], next_cursor: null });
  if (path.endsWith("/messages")) return Response.json({ thread: thread(), messages: [], head_id: null });
  if (path.endsWith("/chat/stream")) {
    if (!reached) throw new TypeError("Failed to fetch");
    return new Response(new ReadableStream(), { headers: { "X-Sluice-Job": "j" } });
  }
  return Response.json(thread());
}

function Inside() {
  useDraft();
  const own = useAui();
  useEffect(() => void (aui = own));
  return <Banners />;
}

async function opens(): Promise<void> {
  history.replaceState(null, "", `/?c=${id}`);
  render(<CustomRuntimeProvider><Inside /></CustomRuntimeProvider>);
  await waitFor(() => expect([aui.thread.getState().isLoading, aui.thread.getState().capabilities.edit]).toEqual([false, true]));
}

async function sends(text: string): Promise<void> {
  act(() => aui.composer.setText(text));
  await act(async () => aui.composer.send());
}

async function reloads(): Promise<void> {
  window.dispatchEvent(new Event("pagehide"));
  cleanup();
  await opens();
}

const answer = () => {
  const last = aui.thread.getState().messages.at(-1);
  return last && answerOf(last);
};
const typed = () => aui.composer.getState().text;

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  id = `u${++count}`;
  reached = true;
  vi.stubGlobal("fetch", house);
});
afterEach(cleanup);

test("a message that did not arrive is in the composer after a reload, and once", async () => {
  await opens();
  reached = false;
  await sends("a long question");
  await waitFor(() => expect(answer()?.phase).toBe("reconnecting"));
  expect([answer()?.jobId, screen.queryByTestId("reconnecting")]).toEqual([undefined, null]);
  act(() => aui.composer.setText("and more"));
  await reloads();
  await waitFor(() => expect(typed()).toBe("a long question\n\nand more"));
  await reloads();
  await waitFor(() => expect(typed()).toBe("a long question\n\nand more"));
});

test("the file of a message that did not arrive is in the composer, too", async () => {
  await opens();
  reached = false;
  await act(() => aui.composer.addAttachment(new File(["print(1)"], "a.py")));
  await sends("what is this?");
  await waitFor(() => expect(answer()?.phase).toBe("reconnecting"));
  await reloads();
  await waitFor(() => expect([typed(), aui.composer.getState().attachments]).toMatchObject(["what is this?", [{ name: "a.py", type: "document" }]]));
});

test("a message that arrived is not in the composer after a reload", async () => {
  await opens();
  await sends("a question");
  await waitFor(() => expect(answer()?.jobId).toBe("j"));
  await reloads();
  await new Promise((later) => setTimeout(later));
  expect([typed(), sessionStorage.length]).toEqual(["", 0]);
});

test("the words of a drawn message stay where they are, and those of a message that did not arrive outlast the arrival of another", () => {
  openStates({ t: {} });
  keepUnsent("t", "m", { content: [{ type: "text", text: "words" }] });
  markArrived("t", "other");
  expect([takeUnsent("t", [{ id: "m" }]), takeUnsent("t", []), takeUnsent("t", [])]).toEqual(["", "words", ""]);
});
