"use client";
import { cn } from "@/components/ui/cn";
import { useAnswer } from "@/runtime";
import { detailSentence, statusSentence } from "./status";

/**
 * What is going on, in the row where the buttons of a finished answer stand: it neither appears nor leaves with a jump.
 *
 * While the text itself grows there is nothing to say, and nothing to see: a sign that is pushed down line by line is
 * restless, and counts as a shift of the layout.
 */
export function StatusLine({ hasText }: { hasText: boolean }) {
  const answer = useAnswer();
  const writing = hasText && answer?.phase === "answering";
  const detail = detailSentence(answer?.detail);
  return (
    <p
      data-testid="status"
      data-phase={answer?.phase ?? "connecting"}
      className={cn("flex h-9 min-w-0 items-center gap-2.5 text-sm text-muted-fg", writing && "invisible")}
    >
      <span aria-hidden className="pulse size-2 shrink-0 rounded-full bg-accent" />
      <span className="truncate tabular-nums">
        {statusSentence(answer)}
        {detail && <span> · {detail}</span>}
      </span>
    </p>
  );
}
