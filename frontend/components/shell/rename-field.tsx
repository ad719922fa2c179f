"use client";
import { useEffect, useRef } from "react";

type RenameProps = {
  title: string;
  onRename: (title: string) => void;
  /**
   * `byKey`: a key ended the edit, so the focus was in the field and is lost with it; else the focus is elsewhere
   * already.
   */
  onDone: (byKey: boolean) => void;
};

/** A title that is edited in its place: Enter and leaving the field keep the new title, Escape does not. */
export function RenameField({ title, onRename, onDone }: RenameProps) {
  const field = useRef<HTMLInputElement>(null);
  const dropped = useRef(false);
  const byKey = useRef(false);
  useEffect(() => field.current?.select(), []);
  const finish = () => {
    const next = field.current?.value.trim();
    if (!dropped.current && next && next !== title) onRename(next);
    onDone(byKey.current);
  };
  return (
    <input
      ref={field}
      defaultValue={title}
      aria-label="Title of this chat"
      maxLength={200}
      dir="auto"
      enterKeyHint="done"
      onBlur={finish}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
        event.stopPropagation();
        event.preventDefault(); // else the key also presses the button that gets the focus
        dropped.current = event.key === "Escape";
        byKey.current = true;
        field.current?.blur();
      }}
      className="h-8 w-full rounded-md border border-line bg-bg px-2 text-sm outline-none focus:border-accent"
    />
  );
}
