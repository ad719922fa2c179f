import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { Timing } from "@/components/chat/timing";
import type { AnswerMeta } from "@/stream/answer-meta";

const shown = vi.hoisted(() => ({ answer: undefined as AnswerMeta | undefined }));

vi.mock("@/runtime", () => ({ useAnswer: () => shown.answer }));

afterEach(cleanup);

const rows = () =>
  Object.fromEntries([...document.querySelectorAll("dl > div")].map((row) => [...row.children].map((cell) => cell.textContent)));

it("shows where the time of an answer went, and leaves out what was not measured", () => {
  shown.answer = { phase: "done", queuedMs: 40, loadMs: 2100, firstTokenMs: 2400, generateMs: 900, totalMs: 3300, promptTokens: 1200 };
  render(<Timing />);
  fireEvent.click(screen.getByTestId("timing"));
  expect(rows()).toEqual({
    "Waited in the queue": "40 ms",
    "Model loaded in": "2.1 s",
    "First token after": "2.4 s",
    "Answer written in": "0.9 s",
    Altogether: "3.3 s",
    "Tokens read": (1200).toLocaleString(),
  });
});

it("shows nothing of an answer of which nothing is known", () => {
  shown.answer = { phase: "failed" };
  render(<Timing />);
  expect(screen.queryByTestId("timing")).toBeNull();
});
