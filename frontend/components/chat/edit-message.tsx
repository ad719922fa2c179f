"use client";
import { useAui, useAuiState } from "@assistant-ui/react";
import { useEffect, useRef } from "react";
import { Button } from "@/components/ui/button";
import { useEnterSends } from "@/components/ui/use-enter-sends";
import { AttachmentList } from "./attachments";
import { composerAction } from "./composer-keys";
import { TextField } from "./text-field";
import { usePasteFiles } from "./use-paste-files";

/**
 * A message that is edited in its place. When it is sent it begins a branch. Its attachments stay unless they are
 * removed.
 */
export function EditMessage() {
  const aui = useAui();
  const text = useAuiState((s) => s.composer.text);
  const canSend = useAuiState((s) => !s.composer.isEmpty);
  const enterSends = useEnterSends();
  const paste = usePasteFiles();
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(field.current.value.length, field.current.value.length);
  }, []);
  const cancel = () => aui.composer.cancel();
  const send = () => {
    if (!aui.composer.getState().isEmpty) aui.composer.send();
    document.querySelector<HTMLElement>("[data-composer]")?.focus();
  };
  return (
    <div className="mb-3 w-full rounded-2xl border border-line bg-bg p-3 focus-within:border-accent">
      <AttachmentList />
      <TextField
        ref={field}
        label="Edit your message"
        text={text}
        onText={(next) => aui.composer.setText(next)}
        enterKeyHint={enterSends ? "send" : "enter"}
        onPaste={paste}
        onKeyDown={(event) => {
          const action = composerAction(event.nativeEvent, { empty: false, running: true, enterSends });
          if (action === null) return;
          event.preventDefault();
          event.stopPropagation();
          if (action === "stop") cancel();
          else send();
        }}
      />
      <div className="mt-2 flex items-center justify-end gap-2">
        <Button look="ghost" onClick={cancel}>
          Cancel
        </Button>
        <Button look="primary" disabled={!canSend} onClick={send}>
          Send
        </Button>
      </div>
    </div>
  );
}
