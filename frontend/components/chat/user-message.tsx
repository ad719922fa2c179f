"use client";
import { useAui, useAuiState } from "@assistant-ui/react";
import { Pencil } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { cn } from "@/components/ui/cn";
import { CopyButton } from "@/components/ui/copy-button";
import { IconButton } from "@/components/ui/icon-button";
import { useMessageFiles, useMessageImages } from "@/runtime";
import { Branches } from "./branches";
import { EditMessage } from "./edit-message";
import { FileChip } from "./file-chip";
import { Picture } from "./picture";

/** A message that is longer than these is folded, so that its answer stays in view. */
const FOLD_CHARS = 1200;
const FOLD_LINES = 14;

export function UserMessage() {
  const editing = useAuiState((s) => s.message.composer.isEditing);
  const id = useAuiState((s) => s.message.id);
  const article = useFocusAfterEdit(editing);
  return (
    <article ref={article} aria-label="You" data-message={id} data-role="user" className="group flex min-w-0 flex-col items-end">
      {editing ? <EditMessage /> : <Sent />}
    </article>
  );
}

function Sent() {
  const text = useAuiState((s) => s.message.content.map((part) => (part.type === "text" ? part.text : "")).join(""));
  return (
    <>
      <Images />
      <Files />
      {text && <Bubble text={text} />}
      <Actions text={text} />
    </>
  );
}

function Bubble({ text }: { text: string }) {
  const long = text.length > FOLD_CHARS || text.split("\n").length > FOLD_LINES;
  const [folded, setFolded] = useState(long);
  return (
    <div className="max-w-[85%] rounded-2xl bg-muted px-4 py-2.5">
      <div dir="auto" className={cn("leading-relaxed wrap-anywhere whitespace-pre-wrap [unicode-bidi:plaintext]", folded && "folded")}>
        {text}
      </div>
      {long && (
        <button type="button" className="mt-1 min-h-6 cursor-pointer text-sm font-medium text-accent hover:underline" onClick={() => setFolded(!folded)}>
          {folded ? "Show all" : "Show less"}
        </button>
      )}
    </div>
  );
}

function Images() {
  const images = useMessageImages();
  if (images.length === 0) return null;
  return (
    <ul className="mb-1.5 flex max-w-[85%] flex-wrap justify-end gap-2">
      {images.map((source, at) => (
        // oxlint-disable-next-line react/no-array-index-key -- the images of a message never change their places
        <li key={at}>
          <Picture source={source} name={`Image ${at + 1}`} className="max-h-56 max-w-full rounded-xl" />
        </li>
      ))}
    </ul>
  );
}

function Files() {
  const files = useMessageFiles();
  if (files.length === 0) return null;
  return (
    <ul aria-label="Attached files" className="mb-1.5 flex max-w-[85%] flex-wrap justify-end gap-2">
      {files.map((file, at) => (
        // oxlint-disable-next-line react/no-array-index-key -- the files of a message never change their places
        <li key={at}>
          <FileChip file={file} />
        </li>
      ))}
    </ul>
  );
}

function Actions({ text }: { text: string }) {
  const aui = useAui();
  const running = useAuiState((s) => s.thread.isRunning);
  return (
    <div className="quiet flex h-8 items-center">
      {text && <CopyButton text={text} label="Copy message" className="size-8" />}
      <IconButton data-edit label="Edit message" className="size-8" disabled={running} onClick={() => aui.message.composer().beginEdit()}>
        <Pencil />
      </IconButton>
      <Branches />
    </div>
  );
}

/** Gives the focus back to the button that opened an edit, when the edit ends without sending and its field is gone. */
function useFocusAfterEdit(editing: boolean) {
  const article = useRef<HTMLElement>(null);
  const was = useRef(editing);
  useEffect(() => {
    if (was.current && !editing && document.activeElement === document.body) {
      article.current?.querySelector<HTMLElement>("[data-edit]")?.focus();
    }
    was.current = editing;
  }, [editing]);
  return article;
}
