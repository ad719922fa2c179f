import { AssistantRuntimeProvider, useAui, useAuiState, useLocalRuntime, type AssistantClient, type ChatModelAdapter } from "@assistant-ui/react";
import { act, cleanup, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { Thread } from "@/components/chat/thread";

const drawn = vi.hoisted(() => new Map<string, number>());
const read = vi.hoisted(() => ({ from: 0 }));

vi.mock("@/components/answer", () => ({
  Answer: ({ text }: { text: string }) => {
    const name = text.split(" ")[0] ?? "";
    drawn.set(name, (drawn.get(name) ?? 0) + 1);
    return <p>{text}</p>;
  },
}));

vi.mock("@/runtime", () => ({
  readFrom: () => read.from,
  useAnswer: () => undefined,
  useFeedback: () => ({ rating: null, rate: () => {} }),
  useMessageFiles: () => [],
  useMessageImages: () => [],
  useModels: () => ({ models: [], advice: null }),
  useShownThread: () => ({ threadId: "t", isNew: false, loading: false, error: null, retry: () => {} }),
}));

beforeAll(() => {
  vi.stubGlobal("ResizeObserver", class {
    observe() {}
    disconnect() {}
  });
  Element.prototype.scrollTo = () => {};
  Element.prototype.scrollIntoView = () => {};
});
afterEach(() => {
  cleanup();
  drawn.clear();
  read.from = 0;
});

/** A conversation of `messages` messages whose next answer comes in as many steps as `next` is called. */
async function house(messages: number) {
  let next = () => {};
  let aui: AssistantClient | undefined;
  const adapter: ChatModelAdapter = {
    async *run() {
      for (let step = 1; ; step += 1) {
        // oxlint-disable-next-line eslint/no-await-in-loop -- one step after the other is what a stream is
        await new Promise<void>((go) => (next = go));
        yield { content: [{ type: "text", text: `running ${step}` }] };
      }
    },
  };
  const initialMessages = Array.from({ length: messages }, (_, i) => ({
    role: i % 2 ? ("assistant" as const) : ("user" as const),
    content: i % 2 ? `answer${i} text` : `question${i}`,
  }));
  function Inside() {
    const own = useAui();
    const running = useAuiState((s) => s.thread.isRunning);
    aui = own;
    return (
      <>
        <Thread />
        {running && <p>runs</p>}
      </>
    );
  }
  function House() {
    const runtime = useLocalRuntime(adapter, { initialMessages });
    return (
      <AssistantRuntimeProvider runtime={runtime}>
        <Inside />
      </AssistantRuntimeProvider>
    );
  }
  render(<House />);
  await screen.findByText(`answer${messages - 1} text`);
  return {
    sendQuestion: async () => {
      act(() => aui?.thread.append({ role: "user", content: [{ type: "text", text: "and now?" }] }));
      await screen.findByText("runs");
    },
    token: async (step: number) => {
      await act(async () => next());
      await screen.findByText(`running ${step}`);
    },
  };
}

const count = () => document.querySelectorAll("[data-message]").length;

describe("the conversation", () => {
  it("draws the last forty messages, and earlier ones on demand", async () => {
    await house(60);
    await waitFor(() => expect(count()).toBe(40)); // page by page, in idle moments
    act(() => screen.getByText("Show earlier messages (20)").click());
    expect(count()).toBe(60);
  });

  it("marks above the first message that the model read that those before it are not sent", async () => {
    read.from = 4;
    await house(8);
    const line = await screen.findByText("The model reads from here: the 4 messages above are not sent.");
    expect(line.nextElementSibling?.querySelector("[data-message]")?.textContent).toContain("question4");
  });

  it("has no mark where the model read all messages", async () => {
    await house(8);
    await waitFor(() => expect(count()).toBe(8));
    expect(screen.queryByTestId("reads-from")).toBeNull();
  });

  it("draws only the running answer at a token", async () => {
    const { sendQuestion, token } = await house(10);
    await waitFor(() => expect(count()).toBe(10));
    await sendQuestion();
    await token(1);
    const before = new Map(drawn);
    // oxlint-disable-next-line eslint/no-await-in-loop -- as above
    for (let step = 2; step <= 6; step += 1) await token(step);
    expect(drawn.get("running")).toBeGreaterThan(before.get("running") ?? 0);
    drawn.delete("running");
    before.delete("running");
    expect(drawn).toEqual(before);
  });
});
