"use client";
import { useAui, useAuiState } from "@assistant-ui/react";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { IconButton } from "@/components/ui/icon-button";

/** Buttons that lead through the versions of a message, where there are several. */
export function Branches() {
  const aui = useAui();
  const number = useAuiState((s) => s.message.branchNumber);
  const count = useAuiState((s) => s.message.branchCount);
  const running = useAuiState((s) => s.thread.isRunning);
  if (count <= 1) return null;
  const go = (position: "previous" | "next") => aui.message.switchToBranch({ position });
  return (
    <fieldset aria-label="Versions" className="inline-flex items-center text-xs text-muted-fg tabular-nums">
      <IconButton label="Previous version" className="size-7" disabled={running || number === 1} onClick={() => go("previous")}>
        <ChevronLeft />
      </IconButton>
      <span>
        {number}/{count}
      </span>
      <IconButton label="Next version" className="size-7" disabled={running || number === count} onClick={() => go("next")}>
        <ChevronRight />
      </IconButton>
    </fieldset>
  );
}
