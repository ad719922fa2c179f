/** Sentences for the user that belong to no message. */
import { createStore, useStore } from "@/lib/store";

export type Notice = { id: number; text: string };

const STAY_MS = 12_000;
const notices = createStore<readonly Notice[]>([]);
let last = 0;

/** Shows a notice for a while. A notice that is shown already is not shown twice. */
export function notify(text: string): void {
  if (notices.get().some((notice) => notice.text === text)) return;
  const id = ++last;
  notices.set((now) => [...now, { id, text }]);
  setTimeout(() => dismiss(id), STAY_MS);
}

function dismiss(id: number): void {
  notices.set((now) => now.filter((notice) => notice.id !== id));
}

export function useNotices(): { notices: readonly Notice[]; dismiss: (id: number) => void } {
  return { notices: useStore(notices), dismiss };
}

/** An error's message, for the end of a notice. */
export const sentence = (error: unknown): string => (error instanceof Error ? error.message : "Try again.");
