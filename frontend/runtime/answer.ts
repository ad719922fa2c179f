import { useAuiState, type ThreadMessage } from "@assistant-ui/react";
import { useMemo } from "react";
import type { AnswerMeta } from "@/stream/answer-meta";

type AnswerMessage = Pick<ThreadMessage, "role" | "status" | "metadata">;

/** What is known of an answer's job; undefined for a user's message. */
export const answerOf = (message: AnswerMessage): AnswerMeta | undefined =>
  message.role === "assistant"
    ? settled(message.metadata.custom.answer as AnswerMeta | undefined, message.status)
    : undefined;

/** What is known of the job of the message around the caller. */
export function useAnswer(): AnswerMeta | undefined {
  const role = useAuiState((s) => s.message.role);
  const status = useAuiState((s) => s.message.status);
  const answer = useAuiState((s) => s.message.metadata.custom.answer) as AnswerMeta | undefined;
  return useMemo(() => (role === "assistant" ? settled(answer, status) : undefined), [role, answer, status]);
}

/** assistant-ui takes no update from a run that was stopped: only the message's status shows the stop. */
function settled(answer: AnswerMeta | undefined, status: ThreadMessage["status"]): AnswerMeta {
  const known = answer ?? { phase: "connecting" };
  const open = !["done", "failed", "cancelled"].includes(known.phase);
  if (!open || status?.type !== "incomplete") return known;
  return {
    ...known,
    phase: status.reason === "cancelled" ? "cancelled" : "failed",
    position: undefined,
    etaSeconds: undefined,
  };
}
