"use client";
import { useAuiState, type ThreadMessage } from "@assistant-ui/react";
import { Answer } from "@/components/answer";
import { Thinking } from "@/components/answer/thinking";
import { useAnswer } from "@/runtime";
import { AnswerActions } from "./answer-actions";
import { ErrorCard } from "./error-card";
import { LeftOut } from "./left-out";
import { StatusLine } from "./status-line";

/** An answer: thoughts, text, and below them its state while it runs, and at its end the buttons. */
export function AssistantMessage() {
  const text = useAuiState((s) => textOf(s.message, "text"));
  const thoughts = useAuiState((s) => textOf(s.message, "reasoning"));
  const running = useAuiState((s) => s.message.status?.type === "running");
  const id = useAuiState((s) => s.message.id);
  return (
    <article aria-label="Answer" data-message={id} data-role="assistant" className="min-w-0" aria-busy={running}>
      <LeftOut />
      {thoughts && <Thoughts text={thoughts} running={running && !text} />}
      {text && <Answer text={text} running={running} />}
      {!running && <Ending empty={!text && !thoughts} />}
      {running ? <StatusLine hasText={text !== ""} /> : <AnswerActions hasText={text !== ""} />}
    </article>
  );
}

const Thoughts = (props: { text: string; running: boolean }) => <Thinking {...props} ms={useAnswer()?.thinkingMs} />;

function Ending({ empty }: { empty: boolean }) {
  const answer = useAnswer();
  const reason = useAuiState((s) => failureOf(s.message));
  if (answer?.error) return <ErrorCard error={answer.error} />;
  if (reason) return <ErrorCard error={{ code: "failed", message: reason, retryable: true }} />;
  if (answer?.phase === "cancelled" && empty) return <p className="text-sm text-muted-fg">Stopped before the first word.</p>;
  if (answer?.finishReason === "length") return <p className="mt-2 text-sm text-muted-fg">The answer reached its token limit.</p>;
  return null;
}

function textOf(message: ThreadMessage, type: "text" | "reasoning"): string {
  let all = "";
  for (const part of message.content) if (part.type === type) all = all ? `${all}\n\n${part.text}` : part.text;
  return all;
}

/** The message of an error that the runtime raised itself, outside of the job. */
function failureOf({ status }: ThreadMessage): string | null {
  if (status?.type !== "incomplete" || status.reason !== "error") return null;
  return typeof status.error === "string" ? status.error : "Something went wrong on this page. Try again.";
}
