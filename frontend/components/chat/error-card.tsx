"use client";
import { useAui, useAuiState } from "@assistant-ui/react";
import { CircleAlert } from "lucide-react";
import { useOverlays } from "@/components/ui/overlays";
import { Button } from "@/components/ui/button";
import { useNewChat, type AnswerError, type Remedy } from "@/runtime";
import { adviceFor } from "./advice";

const LABELS: Record<Remedy, string> = {
  retry: "Try again",
  edit: "Edit message",
  settings: "Settings",
  reload: "Reload",
  new: "New chat",
};

/** What went wrong, in words, and the buttons that help. */
export function ErrorCard({ error }: { error: AnswerError }) {
  const { title, text, remedies } = adviceFor(error);
  const apply = useRemedies();
  return (
    <div data-testid="error" data-code={error.code} className="my-2 flex gap-3 rounded-xl border border-danger/50 bg-danger/5 p-4 text-sm">
      <CircleAlert aria-hidden className="mt-0.5 size-4.5 shrink-0 text-danger" />
      <div className="min-w-0 flex-1">
        <p className="font-medium">{title}</p>
        {text && <p className="mt-1 break-words text-muted-fg">{text}</p>}
        <div className="mt-3 flex flex-wrap gap-2">
          {remedies.map((remedy, at) => (
            <Button key={remedy} look={at === 0 ? "secondary" : "ghost"} className="h-8" onClick={apply[remedy]}>
              {LABELS[remedy]}
            </Button>
          ))}
        </div>
      </div>
    </div>
  );
}

function useRemedies(): Record<Remedy, () => void> {
  const aui = useAui();
  const { show } = useOverlays();
  const newChat = useNewChat();
  const parentId = useAuiState((s) => s.message.parentId);
  return {
    retry: () => aui.message.reload(),
    edit: () => parentId && aui.thread.message({ id: parentId }).composer().beginEdit(),
    settings: () => show("settings"),
    reload: () => window.location.reload(),
    new: newChat,
  };
}
