"use client";
import { useAuiState } from "@assistant-ui/react";
import { CornerDownRight, X, Zap } from "lucide-react";
import { IconButton } from "@/components/ui/icon-button";
import { splitFiles, usePending, type PendingMessage } from "@/runtime";

/**
 * Messages that wait for the running answer, or for the user after an answer that failed or was stopped. Each can be
 * sent now, or removed.
 */
export function Pending() {
  const { items, remove, sendNow } = usePending();
  const running = useAuiState((s) => s.thread.isRunning);
  const broken = useAuiState((s) => s.thread.messages.at(-1)?.status?.type === "incomplete");
  if (items.length === 0) return null;
  return (
    <ul aria-label="Waiting messages" className="mb-2 space-y-1.5">
      {broken && <li className="px-3 text-sm text-muted-fg">Not sent, as the answer before was stopped or failed:</li>}
      {items.map((item) => (
        <li key={item.id} className="flex items-center gap-1 rounded-xl bg-muted py-0.5 pr-1 pl-3 text-sm">
          <CornerDownRight aria-hidden className="size-4 shrink-0 text-muted-fg" />
          <span dir="auto" className="min-w-0 flex-1 truncate px-1">{shortly(item)}</span>
          <IconButton label={running ? "Send now instead of the running answer" : "Send now"} className="size-8" onClick={() => sendNow(item.id)}>
            <Zap />
          </IconButton>
          <IconButton label="Remove from the queue" className="size-8" onClick={() => remove(item.id)}>
            <X />
          </IconButton>
        </li>
      ))}
    </ul>
  );
}

function shortly({ text }: PendingMessage): string {
  const { words, files } = splitFiles(text);
  return words || files.map(({ name }) => name).join(", ") || "Images";
}
