import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { BlindNotice } from "@/components/chat/blind-notice";
import { LongNotice } from "@/components/chat/long-notice";
import type { ModelInfo } from "@/runtime";

type Held = { type: string; content?: { type: string; text?: string }[] };

const state = vi.hoisted(() => ({ attachments: [] as Held[], models: [] as ModelInfo[], change: vi.fn() }));

vi.mock("@assistant-ui/react", () => ({
  useAuiState: (select: (s: unknown) => unknown) => select({ composer: { attachments: state.attachments } }),
}));
vi.mock("@/runtime", async () => ({
  textIn: (await import("@/runtime/message-files")).textIn,
  useModels: () => ({ models: state.models }),
  useSettings: () => ({ settings: {}, change: state.change }),
}));

const model = (name: string, capabilities: string[], isDefault = false): ModelInfo => ({
  name,
  default: isDefault,
  live: true,
  loaded: true,
  context_length: 8192,
  capabilities,
});

beforeEach(() => {
  state.attachments = [{ type: "image" }];
  state.models = [model("reads", ["completion"], true), model("sees", ["completion", "vision"])];
});
afterEach(cleanup);

const notice = () => screen.queryByTestId("blind");

it("names the models that see, and switches to the chosen one", () => {
  render(<BlindNotice />);
  expect(notice()?.textContent).toBe("reads does not see images.Usesees");
  fireEvent.click(screen.getByText("sees"));
  expect(state.change).toHaveBeenCalledWith({ model: "sees" });
});

it("is not there for text files, which every model reads", () => {
  state.attachments = [{ type: "document" }];
  render(<BlindNotice />);
  expect(notice()).toBeNull();
});

it("states that no model sees where that is so", () => {
  state.models = state.models.slice(0, 1);
  render(<BlindNotice />);
  expect(notice()?.textContent).toContain("No model here does.");
});

it.each([
  ["the model sees", [model("sees", ["vision"], true)]],
  ["it is not known what the model can do", [model("secret", [], true)]],
  ["no model is known", []],
])("is not there where %s", (_, models) => {
  state.models = models;
  render(<BlindNotice />);
  expect(notice()).toBeNull();
});

it("is not there without an image", () => {
  state.attachments = [];
  render(<BlindNotice />);
  expect(notice()).toBeNull();
});

const longNotice = () => screen.queryByTestId("too-long")?.textContent;
const files = (...lengths: number[]): Held[] => lengths.map((length) => ({ type: "document", content: [{ type: "text", text: "x".repeat(length) }] }));

it("states how much a model reads before longer files are sent to it", () => {
  state.attachments = files(40_000, 40_000);
  render(<LongNotice />);
  expect(longNotice()).toBe("These files are about 20,000 tokens long, and reads reads 8,200.");
});

it.each([
  ["files that fit", files(20_000), 8192],
  ["a model that does not report how much it reads", files(80_000), 0],
  ["images", [{ type: "image", content: [{ type: "image" }] }], 8192],
])("is not there for %s", (_, attachments, context_length) => {
  state.attachments = attachments;
  state.models = [{ ...model("reads", [], true), context_length }];
  render(<LongNotice />);
  expect(longNotice()).toBeUndefined();
});
