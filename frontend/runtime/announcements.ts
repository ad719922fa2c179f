/** What a screen reader announces of an answer: changes of its state, never its text. */
import { useAuiState } from "@assistant-ui/react";
import { useEffect, useRef, useState } from "react";
import { answerOf } from "./answer";
import type { AnswerMeta, Phase } from "@/stream/answer-meta";

type Announced = { message: string; phase: Phase };

const SENTENCES: Record<Phase, string> = {
  connecting: "",
  waiting: "Your message is in the queue.",
  starting_worker: "A worker is starting.",
  loading_model: "The model is loading.",
  answering: "The assistant is answering.",
  reconnecting: "The connection was lost. Reconnecting.",
  done: "The answer is complete.",
  failed: "The answer failed.",
  cancelled: "The answer was stopped.",
};

/**
 * The sentence for a change of state; undefined: there is nothing to announce. Answers that had ended before are not
 * announced.
 */
export function announce(before: Announced | undefined, message: string, answer: AnswerMeta): string | undefined {
  if (before?.message === message && before.phase === answer.phase) return undefined;
  const over = ["done", "failed", "cancelled"].includes(answer.phase);
  if (over && before?.message !== message) return undefined;
  if (answer.phase === "failed" && answer.error) return `The answer failed. ${answer.error.message}`;
  if (answer.phase === "waiting" && answer.position)
    return `Your message is in the queue at position ${answer.position}.`;
  return SENTENCES[answer.phase] || undefined;
}

/** The announcement of the shown thread's last answer, for a polite live region. */
export function useAnnouncement(): string {
  const message = useAuiState((s) => s.thread.messages.at(-1));
  const [text, setText] = useState("");
  const before = useRef<Announced>(undefined);
  const answer = message && answerOf(message);
  useEffect(() => {
    if (!message || !answer) return;
    const next = announce(before.current, message.id, answer);
    before.current = { message: message.id, phase: answer.phase };
    if (next !== undefined) setText(next);
  }, [message, answer]);
  return text;
}
