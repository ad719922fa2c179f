"use client";
import { useAnnouncement } from "@/runtime";

/** One polite voice for screen readers: changes of state, never tokens. */
export function Announcer() {
  return (
    <output aria-live="polite" data-testid="announcer" className="sr-only">
      {useAnnouncement()}
    </output>
  );
}
