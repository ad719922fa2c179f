import { useSyncExternalStore } from "react";
import { useStore } from "@/lib/store";
import { changeState, states } from "./thread-state";

/** Whether the stream of the thread's answer was cut and is being picked up again. */
export const setReconnecting = (threadId: string, reconnecting: boolean): void => changeState(threadId, { reconnecting });

function watchNetwork(onChange: () => void): () => void {
  window.addEventListener("online", onChange);
  window.addEventListener("offline", onChange);
  return () => {
    window.removeEventListener("online", onChange);
    window.removeEventListener("offline", onChange);
  };
}

export function useConnection(): { online: boolean; reconnecting: boolean } {
  const online = useSyncExternalStore(
    watchNetwork,
    () => navigator.onLine,
    () => true,
  );
  return { online, reconnecting: useStore(states, (all) => [...all.values()].some(({ reconnecting }) => reconnecting)) };
}
