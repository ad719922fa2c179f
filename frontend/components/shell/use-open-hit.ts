"use client";
import { useOpenThread, type SearchHit } from "@/runtime";
import { useOverlays } from "@/components/ui/overlays";

/** Returns a function that opens the chat of a search hit, at the message of the hit. */
export function useOpenHit(): (hit: SearchHit) => void {
  const open = useOpenThread();
  const { setTarget } = useOverlays();
  return (hit) => {
    setTarget(hit.message_id);
    open(hit.thread.id);
  };
}
