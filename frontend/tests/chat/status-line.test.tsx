import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { StatusLine } from "@/components/chat/status-line";
import type { AnswerMeta } from "@/stream/answer-meta";

const told = vi.hoisted(() => ({ answer: undefined as AnswerMeta | undefined }));

vi.mock("@/runtime", () => ({ useAnswer: () => told.answer }));

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

function draw(answer: AnswerMeta, hasText: boolean) {
  told.answer = answer;
  render(<StatusLine hasText={hasText} />);
  return screen.getByTestId("status");
}

it("says below half an answer that its worker was lost, and where it stands", () => {
  const status = draw({ phase: "waiting", position: 1, detail: "worker_lost" }, true);
  expect(status.textContent).toBe("Next in the queue · A worker was lost; trying again");
  expect(status.className).not.toContain("invisible");
});

it("says that an answer begins anew, where the text so far is void", () => {
  expect(draw({ phase: "answering", detail: "restarted" }, false).textContent).toBe("Thinking… · The answer begins anew");
});

it("keeps its place unseen while the text grows, and is there once nothing comes for a while", () => {
  vi.useFakeTimers();
  const status = draw({ phase: "answering" }, true);
  expect(status.className).toContain("invisible");
  act(() => vi.advanceTimersByTime(3000));
  expect(status.className).not.toContain("invisible");
  expect(status.textContent).toBe("Waiting for the next words…");
});
