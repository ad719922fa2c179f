/** What tabs of one browser tell each other. */
export type News = { type: "began" | "ended"; threadId: string; answerId: string } | { type: "deleted"; threadId: string } | { type: "list" };

let channel: BroadcastChannel | undefined;

const opened = () => (channel ??= typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel("sluice"));

/** A turn began or ended here, a thread was deleted, or the list of threads changed. */
export function tell(news: News): void {
  opened()?.postMessage(news);
}

export function onNews(heed: (news: News) => void): () => void {
  const listener = ({ data }: MessageEvent<News>) => heed(data);
  opened()?.addEventListener("message", listener);
  return () => channel?.removeEventListener("message", listener);
}
