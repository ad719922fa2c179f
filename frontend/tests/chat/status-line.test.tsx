import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { StatusLine } from "@/components/chat/status-line";
import type { AnswerMeta } from "@/stream/answer-meta";

const shown = vi.hoisted(() => ({ answer: undefined as AnswerMeta | undefined }));

vi.mock("@/runtime", () => ({ useAnswer: () => shown.answer }));

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

function draw(answer: AnswerMeta, hasText: boolean) {
  shown.answer = answer;
  render(<StatusLine hasText={hasText} />);
  return screen.getByTestId("status");
}

it("shows below half an answer that its worker was lost, and its place in the queue", () => {
  const status = draw({ phase: "waiting", position: 1, detail: "worker_lost" }, true);
  expect(status.textContent).toBe("Next in the queue · A worker was lost; trying again");
  expect(status.className).not.toContain("invisible");
});

it("shows that an answer begins anew, where the text so far is void", () => {
  expect(draw({ phase: "answering", detail: "restarted" }, false).textContent).toBe("Thinking… · The answer begins anew");
});

it("keeps its room invisibly while the text grows, and is visible once nothing arrives for a while", () => {
  vi.useFakeTimers();
  const status = draw({ phase: "answering" }, true);
  expect(status.className).toContain("invisible");
  act(() => vi.advanceTimersByTime(3000));
  expect(status.className).not.toContain("invisible");
  expect(status.textContent).toBe("Waiting for the next words…");
});
