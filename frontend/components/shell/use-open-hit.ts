"use client";
import { useOpenThread, type SearchHit } from "@/runtime";
import { useOverlays } from "@/components/ui/overlays";

/** Opens the chat of a search hit, at the message that was found. */
export function useOpenHit(): (hit: SearchHit) => void {
  const open = useOpenThread();
  const { setTarget } = useOverlays();
  return (hit) => {
    setTarget(hit.message_id);
    open(hit.thread.id);
  };
}
