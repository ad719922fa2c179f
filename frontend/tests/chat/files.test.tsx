/** A message with files: what the page shows of it, and of a message that is being written. */
import { AssistantRuntimeProvider, useLocalRuntime, type ChatModelAdapter, type ThreadMessageLike } from "@assistant-ui/react";
import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AttachmentList } from "@/components/chat/attachments";
import { Thread } from "@/components/chat/thread";
import { hasWords } from "@/components/chat/use-paste-files";
import { OverlayProvider } from "@/components/ui/overlays";
import { fileAttachments } from "@/runtime/attachments";
import { fromStored } from "@/runtime/convert";
import { withFiles } from "@/runtime/message-files";

beforeEach(() => {
  vi.stubGlobal("matchMedia", () => ({ matches: true, addEventListener() {}, removeEventListener() {} }));
  vi.stubGlobal("ResizeObserver", class { observe() {} disconnect() {} });
  Element.prototype.scrollTo = () => {};
  Element.prototype.scrollIntoView = () => {};
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const silent: ChatModelAdapter = { run: () => new Promise(() => {}) };

function House({ messages }: { messages: ThreadMessageLike[] }) {
  const runtime = useLocalRuntime(silent, { initialMessages: messages, adapters: { attachments: fileAttachments() } });
  return (
    <AssistantRuntimeProvider runtime={runtime}>
      <OverlayProvider>
        <Thread />
        <AttachmentList />
      </OverlayProvider>
    </AssistantRuntimeProvider>
  );
}

const stored = (text: string) =>
  fromStored({ id: "m", parent_id: null, role: "user", images: [], created_at: "2026-01-02T03:04:05Z", text } as never);

test("a message shows its words and its files' names, and a file when it is pressed", async () => {
  render(<House messages={[stored(withFiles("What is this?", [{ name: "main.py", text: "print(1)" }]))]} />);
  const message = await screen.findByRole("article", { name: "You" });
  expect(message.textContent).toContain("What is this?");
  expect(message.textContent).not.toContain("print(1)");
  const files = within(message).getByRole("list", { name: "Attached files" });
  fireEvent.click(within(files).getByRole("button", { name: "Show main.py" }));
  const shown = await screen.findByText("print(1)");
  expect(shown.closest("dialog")?.textContent).toContain("main.py");
});

test("a message that is only a file has no words to copy", async () => {
  render(<House messages={[stored(withFiles("", [{ name: "main.py", text: "print(1)" }]))]} />);
  const message = await screen.findByRole("article", { name: "You" });
  expect(within(message).queryByRole("button", { name: "Copy message" })).toBeNull();
});

test("the words of a message run from right to left where they are written so, line by line", async () => {
  render(<House messages={[stored("שלום\nand more")]} />);
  const words = (await screen.findByText(/שלום/)).closest("[dir]");
  expect([words?.getAttribute("dir"), words?.className]).toEqual(["auto", expect.stringContaining("plaintext")]);
});

test.each([
  ["", ["image.png"], false], // a picture that was copied
  ["name\tage\r\nDan\t42", ["image.png"], true], // cells of a table, and a picture of them
  ["photo 1.png", ["photo 1.png"], false], // files out of a file manager, with their names
  ["/home/me/a.py\n/home/me/b.py\n", ["a.py", "b.py"], false],
  ["file:///home/me/photo%201.png", ["photo 1.png"], false],
  ["C:\\notes\\100%.txt", ["100%.txt"], false],
])("what is pasted as %j with the files %j is words: %s", (text, names, words) => {
  expect(hasWords(text, names.map((name) => ({ name })))).toBe(words);
});
