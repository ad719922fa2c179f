import { AssistantRuntimeProvider, ExportedMessageRepository, useLocalRuntime, type AssistantRuntime } from "@assistant-ui/react";
import { act, cleanup, render, waitFor } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { showMessage } from "@/runtime/branches";
import { keepLive } from "@/runtime/live";
import { alias } from "@/runtime/message-ids";
import { openStates } from "@/runtime/thread-state";

afterEach(cleanup);

const item = (id: string, parentId: string | null, role: "user" | "assistant") => ({
  message: { id, role, content: id },
  parentId,
});

/** q1 ─ a1 ─ q2 ─ a2, and beside them a1b ─ q3 ─ a3; the first branch is shown. */
async function thread() {
  let runtime: AssistantRuntime | undefined;
  function House() {
    const own = (runtime = useLocalRuntime({ run: () => Promise.resolve({ content: [] }) }, { initialMessages: [{ role: "user", content: "q1" }] }));
    return <AssistantRuntimeProvider runtime={own}>{null}</AssistantRuntimeProvider>;
  }
  render(<House />);
  await waitFor(() => expect(runtime?.thread.getState().messages).toHaveLength(1));
  const { thread: live } = runtime!;
  const repository = ExportedMessageRepository.fromBranchableArray(
    [
      item("q1", null, "user"),
      item("a1", "q1", "assistant"),
      item("q2", "a1", "user"),
      item("a2", "q2", "assistant"),
      item("a1b", "q1", "assistant"),
      item("q3", "a1b", "user"),
      item("a3", "q3", "assistant"),
    ],
    { headId: "a2" },
  );
  act(() => {
    live.reset();
    live.import(repository);
  });
  openStates({ t: {} });
  keepLive("t", live);
  return () => live.getState().messages.map(({ id }) => id);
}

test("a message that is on the page leaves the page as it is", async () => {
  const shown = await thread();
  expect(showMessage("t", "q2")).toBe("q2");
  expect(shown()).toEqual(["q1", "a1", "q2", "a2"]);
});

test("a message deep in another branch brings that branch onto the page, to its end", async () => {
  const shown = await thread();
  act(() => expect(showMessage("t", "q3")).toBe("q3"));
  expect(shown()).toEqual(["q1", "a1b", "q3", "a3"]);
});

test("a message is found by the server's id, too", async () => {
  const shown = await thread();
  alias("t", "a3", "00000000-0000-4000-8000-000000000000");
  act(() => expect(showMessage("t", "00000000-0000-4000-8000-000000000000")).toBe("a3"));
  expect(shown()).toEqual(["q1", "a1b", "q3", "a3"]);
});

test("a message that the thread does not have changes nothing", async () => {
  const shown = await thread();
  expect([showMessage("t", "gone"), showMessage("elsewhere", "q1")]).toEqual([undefined, undefined]);
  expect(shown()).toHaveLength(4);
});
