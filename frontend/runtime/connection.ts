import { useSyncExternalStore } from "react";
import { createStore, useStore } from "@/lib/store";

/** Threads whose stream is being picked up again. */
const reconnecting = createStore<ReadonlySet<string>>(new Set());

export function setReconnecting(threadId: string, is: boolean): void {
  const now = reconnecting.get();
  if (now.has(threadId) === is) return;
  const next = new Set(now);
  if (is) next.add(threadId);
  else next.delete(threadId);
  reconnecting.set(next);
}

function watchNetwork(heed: () => void): () => void {
  window.addEventListener("online", heed);
  window.addEventListener("offline", heed);
  return () => {
    window.removeEventListener("online", heed);
    window.removeEventListener("offline", heed);
  };
}

export function useConnection(): { online: boolean; reconnecting: boolean } {
  const online = useSyncExternalStore(
    watchNetwork,
    () => navigator.onLine,
    () => true,
  );
  return { online, reconnecting: useStore(reconnecting, (set) => set.size > 0) };
}
