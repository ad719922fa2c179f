/** Changes that the tabs of one browser report to each other. */
export type TabChange =
  { type: "began" | "ended"; threadId: string; answerId: string } | { type: "deleted"; threadId: string } | { type: "list" };

let channel: BroadcastChannel | undefined;

const opened = () => (channel ??= typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel("sluice"));

/** Reports to the other tabs that a turn began or ended here, a thread was deleted, or the list of threads changed. */
export function report(change: TabChange): void {
  opened()?.postMessage(change);
}

/** Calls `listener` with every change in another tab. */
export function onTabChange(listener: (change: TabChange) => void): () => void {
  const receive = ({ data }: MessageEvent<TabChange>) => listener(data);
  opened()?.addEventListener("message", receive);
  return () => channel?.removeEventListener("message", receive);
}
