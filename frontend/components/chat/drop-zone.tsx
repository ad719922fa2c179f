"use client";
import { FilePlus } from "lucide-react";
import { useEffect, useEffectEvent, useState } from "react";
import { useAddFiles } from "./use-add-files";

/** Takes files that are dropped anywhere on the page. */
export function DropZone() {
  const [over, setOver] = useState(false);
  const add = useAddFiles();
  const drop = useEffectEvent((event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setOver(false);
    void add([...(event.dataTransfer?.files ?? [])]);
  });
  useEffect(() => {
    const ends = new AbortController();
    const { signal } = ends;
    const drag = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (!event.relatedTarget) setOver(false);
    };
    window.addEventListener("dragover", drag, { signal });
    window.addEventListener("dragleave", leave, { signal });
    window.addEventListener("drop", (event) => drop(event), { signal });
    return () => ends.abort();
  }, []);
  if (!over) return null;
  return (
    <div className="pointer-events-none absolute inset-2 z-30 flex items-center justify-center rounded-2xl border-2 border-dashed border-accent bg-bg/90">
      <p className="flex items-center gap-3 text-lg font-medium">
        <FilePlus aria-hidden className="size-6 text-accent" /> Drop images, texts or code to attach them
      </p>
    </div>
  );
}

const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
