/**
 * The libraries that draw an answer's code and diagrams are loaded when they are needed; the network may be away just
 * then.
 */
import { beforeEach, expect, it, vi } from "vitest";
import { highlighter } from "@/components/answer/code/highlighter";
import { loadGrammar } from "@/components/answer/code/languages";
import { drafter } from "@/components/answer/diagram/draw";
import { createHighlighterCore } from "shiki/core";
import mermaid from "mermaid";

vi.mock("shiki/core", { spy: true });
vi.mock("@/components/answer/code/languages", { spy: true });
vi.mock("mermaid", () => ({
  default: { initialize: vi.fn(), parse: vi.fn(), render: () => Promise.resolve({ svg: "<svg></svg>" }) },
}));

const lost = new TypeError("Failed to fetch dynamically imported module");
const coloured = async () => (await highlighter.lines("let a = 1", "javascript")).flat().some(({ color }) => color);

beforeEach(() => vi.clearAllMocks());

it("code is coloured once its colours can be loaded, though they could not be before", async () => {
  vi.mocked(createHighlighterCore).mockRejectedValueOnce(lost);
  await expect(coloured()).rejects.toBe(lost);
  vi.mocked(loadGrammar).mockRejectedValueOnce(lost);
  await expect(coloured()).rejects.toBe(lost);
  expect(await coloured()).toBe(true);
  expect(await coloured()).toBe(true);
  expect([createHighlighterCore, loadGrammar].map((load) => vi.mocked(load).mock.calls.length)).toEqual([2, 2]);
});

it("a diagram is drawn once Mermaid can be loaded, though it could not be before, and it is drawn only once", async () => {
  vi.mocked(mermaid.parse).mockRejectedValueOnce(lost);
  await expect(drafter.draw("flowchart LR", false)).rejects.toBe(lost);
  const drawing = await drafter.draw("flowchart LR", false);
  expect(await drafter.draw("flowchart LR", false)).toBe(drawing);
  expect(mermaid.parse).toHaveBeenCalledTimes(2);
});
