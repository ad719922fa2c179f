import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { StatusLine } from "@/components/chat/status-line";
import type { AnswerMeta } from "@/runtime/types";

const told = vi.hoisted(() => ({ answer: undefined as AnswerMeta | undefined }));

vi.mock("@/runtime", () => ({ useAnswer: () => told.answer }));

afterEach(cleanup);

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

it("keeps its place unseen while the text grows", () => {
  expect(draw({ phase: "answering" }, true).className).toContain("invisible");
});
