"use client";
import { useEffect, useState } from "react";
import { cn } from "@/components/ui/cn";
import { useAnswer, type AnswerMeta } from "@/runtime";
import { detailSentence, statusSentence } from "./status";

/** After so long a silence the line appears: a lost worker is noticed only some seconds later. */
const STALL_MS = 3000;

/**
 * The state of a running answer, in the row where the buttons of a finished answer stand, so that nothing jumps when
 * the line appears or leaves.
 *
 * While the text itself grows the line is invisible: a sign that is pushed down line by line is restless, and counts as
 * a shift of the layout.
 */
export function StatusLine({ hasText }: { hasText: boolean }) {
  const answer = useAnswer();
  const writing = hasText && answer?.phase === "answering";
  const stalled = useStalled(answer);
  const detail = detailSentence(answer?.detail);
  const hidden = writing && !stalled; // an animation that cannot be seen still costs every frame
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

/** Whether nothing of the answer has arrived for a while. */
function useStalled(answer: AnswerMeta | undefined): boolean {
  const [since, setSince] = useState<AnswerMeta>();
  useEffect(() => {
    const timer = setTimeout(() => setSince(answer), STALL_MS);
    return () => clearTimeout(timer);
  }, [answer]);
  return answer !== undefined && since === answer;
}
