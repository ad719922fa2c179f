"use client";
import { useAui, useAuiState } from "@assistant-ui/react";
import { RefreshCw, ThumbsDown, ThumbsUp } from "lucide-react";
import { CopyButton } from "@/components/ui/copy-button";
import { IconButton } from "@/components/ui/icon-button";
import { useFeedback } from "@/runtime";
import { Branches } from "./branches";
import { Timing } from "./timing";

/** The row below a finished answer. */
export function AnswerActions({ hasText }: { hasText: boolean }) {
  const aui = useAui();
  const running = useAuiState((s) => s.thread.isRunning);
  return (
    <div className="-ml-2 flex min-h-9 flex-wrap items-center gap-x-0.5">
      <Branches />
      {hasText && <CopyButton text={() => aui.message.getCopyText()} label="Copy answer" className="size-8" />}
      <IconButton label="Answer again" className="size-8" disabled={running} onClick={() => aui.message.reload()}>
        <RefreshCw />
      </IconButton>
      {hasText && <Feedback />}
      <Timing />
    </div>
  );
}

/** The two buttons for a rating. A second press takes the rating back. */
function Feedback() {
  const { rating, rate } = useFeedback();
  const toggle = (wanted: "up" | "down") => void rate(rating === wanted ? null : wanted);
  return (
    <>
      <IconButton label="Good answer" aria-pressed={rating === "up"} className="rate size-8" onClick={() => toggle("up")}>
        <ThumbsUp />
      </IconButton>
      <IconButton label="Bad answer" aria-pressed={rating === "down"} className="rate size-8" onClick={() => toggle("down")}>
        <ThumbsDown />
      </IconButton>
    </>
  );
}
