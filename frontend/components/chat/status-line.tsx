"use client";
import { useEffect, useState } from "react";
import { cn } from "@/components/ui/cn";
import { useAnswer, type AnswerMeta } from "@/runtime";
import { detailSentence, statusSentence } from "./status";

/** Silence for so long is worth a word: a worker that is lost is missed only some seconds later. */
const STALL_MS = 3000;

/**
 * What is going on, in the row where the buttons of a finished answer stand: it neither appears nor leaves with a jump.
 *
 * While the text itself grows there is nothing to say, and nothing to see: a sign that is pushed down line by line is
 * restless, and counts as a shift of the layout.
 */
export function StatusLine({ hasText }: { hasText: boolean }) {
  const answer = useAnswer();
  const writing = hasText && answer?.phase === "answering";
  const stalled = useStalled(answer);
  const detail = detailSentence(answer?.detail);
  const hidden = writing && !stalled; // an animation that nobody sees still costs every frame
  return (
    <p
      data-testid="status"
      data-phase={answer?.phase ?? "connecting"}
      className={cn("flex h-9 min-w-0 items-center gap-2.5 text-sm text-muted-fg", hidden && "invisible")}
    >
      <span aria-hidden className={cn("size-2 shrink-0 rounded-full bg-accent", !hidden && "pulse")} />
      <span className="truncate tabular-nums">
        {writing ? "Waiting for the next words…" : statusSentence(answer)}
        {detail && <span> · {detail}</span>}
      </span>
    </p>
  );
}

/** Whether nothing was heard of the answer for a while. */
function useStalled(answer: AnswerMeta | undefined): boolean {
  const [since, setSince] = useState<AnswerMeta>();
  useEffect(() => {
    const timer = setTimeout(() => setSince(answer), STALL_MS);
    return () => clearTimeout(timer);
  }, [answer]);
  return answer !== undefined && since === answer;
}
