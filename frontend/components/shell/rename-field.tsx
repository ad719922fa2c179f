"use client";
import { useEffect, useRef } from "react";

/** A title being changed in its place: Enter and leaving keep it, Escape does not. */
export function RenameField({ title, onRename, onDone }: { title: string; onRename: (title: string) => void; onDone: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const dropped = useRef(false);
  useEffect(() => field.current?.select(), []);
  const finish = () => {
    const next = field.current?.value.trim();
    if (!dropped.current && next && next !== title) onRename(next);
    onDone();
  };
  return (
    <input
      ref={field}
      defaultValue={title}
      aria-label="Title of this chat"
      maxLength={200}
      onBlur={finish}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
        event.stopPropagation();
        dropped.current = event.key === "Escape";
        field.current?.blur();
      }}
      className="h-8 w-full rounded-md border border-line bg-bg px-2 text-sm outline-none focus:border-accent"
    />
  );
}
