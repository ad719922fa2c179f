import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { BlindNotice } from "@/components/chat/blind-notice";
import type { ModelInfo } from "@/runtime";

const state = vi.hoisted(() => ({ attachments: [{ type: "image" }], models: [] as ModelInfo[], change: vi.fn() }));

vi.mock("@assistant-ui/react", () => ({
  useAuiState: (select: (s: unknown) => unknown) => select({ composer: { attachments: state.attachments } }),
}));
vi.mock("@/runtime", () => ({
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

it("names the models that see, and switches to one", () => {
  render(<BlindNotice />);
  expect(notice()?.textContent).toBe("reads does not see images.Usesees");
  fireEvent.click(screen.getByText("sees"));
  expect(state.change).toHaveBeenCalledWith({ model: "sees" });
});

it("says nothing about files of text, which every model reads", () => {
  state.attachments = [{ type: "document" }];
  render(<BlindNotice />);
  expect(notice()).toBeNull();
});

it("says so where no model sees", () => {
  state.models = state.models.slice(0, 1);
  render(<BlindNotice />);
  expect(notice()?.textContent).toContain("No model here does.");
});

it.each([
  ["the model sees", [model("sees", ["vision"], true)]],
  ["nobody knows what the model can", [model("secret", [], true)]],
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
