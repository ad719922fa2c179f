"use client";
import { useState } from "react";
import { cn } from "@/components/ui/cn";
import { late } from "@/components/ui/late";

const PictureDialog = late(() => import("./picture-dialog"));

/** An image of a message. A press shows it large. `source` is a data or blob URL, never a remote one. */
export function Picture({ source, name, className }: { source: string; name: string; className?: string }) {
  const [open, setOpen] = useState(false);
  if (!/^(data:image\/|blob:)/.test(source)) return null;
  return (
    <>
      <button type="button" aria-label={`Show ${name} large`} onClick={() => setOpen(true)} className="cursor-zoom-in rounded-xl">
        <img src={source} alt={name} className={cn("border border-line object-cover", className)} />
      </button>
      {open && <PictureDialog source={source} name={name} onClose={() => setOpen(false)} />}
    </>
  );
}
