"use client";
import { useAnswer } from "@/runtime";
import { detailSentence, statusSentence } from "./status";

/** What is going on, in the row where the buttons of a finished answer stand: it neither appears nor leaves with a jump. */
export function StatusLine({ hasText }: { hasText: boolean }) {
  const answer = useAnswer();
  const writing = hasText && answer?.phase === "answering";
  const detail = writing ? null : detailSentence(answer?.detail);
  return (
    <p data-testid="status" data-phase={answer?.phase ?? "connecting"} className="flex h-9 min-w-0 items-center gap-2.5 text-sm text-muted-fg">
      <span aria-hidden className="pulse size-2 shrink-0 rounded-full bg-accent" />
      <span className="truncate tabular-nums">
        {writing ? "" : statusSentence(answer)}
        {detail && <span className="opacity-90"> · {detail}</span>}
      </span>
    </p>
  );
}
