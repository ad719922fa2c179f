"use client";
import { FileText } from "lucide-react";
import { useState } from "react";
import { late } from "@/components/ui/late";
import type { TextFile } from "@/runtime";

const FileDialog = late(() => import("./file-dialog"));

/** A text file in a message. A press shows the file. */
export function FileChip({ file }: { file: TextFile }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        aria-label={`Show ${file.name}`}
        onClick={() => setOpen(true)}
        className="flex h-11 max-w-64 cursor-pointer items-center gap-2 rounded-xl border border-line bg-bg ps-3 pe-4 text-sm hover:bg-muted"
      >
        <FileText aria-hidden className="size-4 shrink-0 text-muted-fg" />
        <span dir="auto" className="truncate">
          {file.name}
        </span>
      </button>
      {open && <FileDialog file={file} onClose={() => setOpen(false)} />}
    </>
  );
}
