"use client";
import { useAui, useAuiState } from "@assistant-ui/react";
import { ArrowUp, Paperclip, Square } from "lucide-react";
import { useCallback, useEffect, useRef, type KeyboardEvent, type RefObject } from "react";
import { IconButton } from "@/components/ui/icon-button";
import { useEnterSends } from "@/components/ui/use-enter-sends";
import { useDraft, useReady, useSend } from "@/runtime";
import { AttachmentList } from "./attachments";
import { composerAction } from "./composer-keys";
import { Pending } from "./pending";
import { TextField } from "./text-field";
import { useAddFiles } from "./use-add-files";
import { usePasteFiles } from "./use-paste-files";

/**
 * The place to write a message. Its field keeps the focus after sending, after a change of thread, and after a dialog.
 */
export function Composer() {
  useDraft();
  const aui = useAui();
  const field = useRef<HTMLTextAreaElement>(null);
  const text = useAuiState((s) => s.composer.text);
  const addFiles = useAddFiles();
  const paste = usePasteFiles();
  const thread = useAuiState((s) => s.threads.mainThreadId);
  const { send } = useSend();
  const enterSends = useEnterSends();
  const { ready, hold } = useEarlyWords(field, send, enterSends);
  const keys = useKeys(send, enterSends);
  const submit = () => {
    void send();
    field.current?.focus();
  };
  return (
    <div className="mx-auto w-full max-w-3xl px-4 pb-3">
      <FocusField key={thread} field={field} />
      <Pending />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
        className="rounded-3xl border border-line bg-bg p-2.5 shadow-sm transition-colors focus-within:border-accent"
      >
        <AttachmentList />
        <TextField
          ref={field}
          data-composer
          label="Message"
          placeholder="Write a message…"
          text={text}
          onText={(next) => ready && aui.composer.setText(next)}
          onKeyDown={ready ? keys : hold}
          onPaste={paste}
          enterKeyHint={enterSends ? "send" : "enter"}
          className="px-2 pt-1"
        />
        <div className="mt-1 flex items-center justify-between gap-2">
          <AttachButton add={addFiles} />
          <Buttons field={field} />
        </div>
      </form>
    </div>
  );
}

/**
 * Text that is typed before the thread is ready stays in the field, and is put into the composer, or sent, as soon as
 * it is.
 */
function useEarlyWords(field: RefObject<HTMLTextAreaElement | null>, send: () => unknown, enterSends: boolean) {
  const aui = useAui();
  const ready = useReady();
  const sent = useRef(false);
  const latest = useRef(send);
  useEffect(() => {
    latest.current = send;
  });
  useEffect(() => {
    if (!ready) return;
    const typed = field.current?.value;
    if (typed) aui.composer.setText(typed);
    if (sent.current) latest.current();
    sent.current = false;
  }, [aui, ready, field]);
  const hold = useCallback(
    (event: KeyboardEvent<HTMLTextAreaElement>) => {
      const action = composerAction(event.nativeEvent, { empty: false, running: false, enterSends });
      if (action === null) return;
      event.preventDefault();
      sent.current = true;
    },
    [enterSends],
  );
  return { ready, hold };
}

function useKeys(send: (atOnce?: boolean) => unknown, enterSends: boolean) {
  const aui = useAui();
  const editLast = useEditLast();
  return useCallback(
    (event: KeyboardEvent<HTMLTextAreaElement>) => {
      const { isEmpty } = aui.composer.getState();
      const running = aui.thread.getState().isRunning;
      const action = composerAction(event.nativeEvent, { empty: isEmpty, running, enterSends });
      if (action === null || (action === "edit-last" && !editLast())) return;
      event.preventDefault();
      if (action === "stop") aui.thread.cancelRun();
      if (action === "send" || action === "steer") void send(action === "steer");
    },
    [aui, send, editLast, enterSends],
  );
}

/**
 * Returns a function that opens the last message of the user for editing; it returns false where there is none or an
 * answer runs.
 */
function useEditLast() {
  const aui = useAui();
  return useCallback(() => {
    const { messages, isRunning } = aui.thread.getState();
    const last = messages.findLast((message) => message.role === "user");
    if (!last || isRunning) return false;
    aui.thread.message({ id: last.id }).composer().beginEdit();
    return true;
  }, [aui]);
}

/**
 * Focuses the field; it is mounted anew with each thread. Phones get no focus, which would bring up the keyboard over
 * the text that the user came to read.
 */
function FocusField({ field }: { field: RefObject<HTMLTextAreaElement | null> }) {
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches && !document.querySelector("dialog[open]")) field.current?.focus({ preventScroll: true });
  }, [field]);
  return null;
}

function AttachButton({ add }: { add: (files: File[]) => Promise<void> }) {
  const picker = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        data-testid="picker"
        onChange={(event) => {
          void add([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
      <IconButton label="Attach files" onClick={() => picker.current?.click()}>
        <Paperclip />
      </IconButton>
    </>
  );
}

/** Stop stands beside Send while an answer runs, since a message may be queued behind it. */
function Buttons({ field }: { field: RefObject<HTMLTextAreaElement | null> }) {
  const aui = useAui();
  const running = useAuiState((s) => s.thread.isRunning);
  const empty = useAuiState((s) => s.composer.isEmpty);
  const { canSend } = useSend();
  const stop = () => {
    aui.thread.cancelRun();
    field.current?.focus();
  };
  return (
    <div className="flex items-center gap-2">
      {running && (
        <IconButton label="Stop" className="rounded-full bg-fg text-bg hover:bg-fg hover:text-bg hover:opacity-85" onClick={stop}>
          <Square className="size-3.5! fill-current" />
        </IconButton>
      )}
      {(!running || !empty) && (
        <IconButton
          label={running ? "Queue this message" : "Send"}
          type="submit"
          disabled={!canSend}
          className="rounded-full bg-accent text-accent-fg hover:bg-accent hover:text-accent-fg hover:opacity-90 disabled:bg-muted disabled:text-muted-fg disabled:opacity-100"
        >
          <ArrowUp />
        </IconButton>
      )}
    </div>
  );
}
