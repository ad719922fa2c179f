/** Moments at which a broken connection is worth another look at once. */
export type Wake = "online" | "visible";

export function onWake(heed: (wake: Wake) => void): () => void {
  if (typeof window === "undefined") return () => {};
  const online = () => heed("online");
  const visible = () => document.visibilityState === "visible" && heed("visible");
  window.addEventListener("online", online);
  document.addEventListener("visibilitychange", visible);
  return () => {
    window.removeEventListener("online", online);
    document.removeEventListener("visibilitychange", visible);
  };
}

/** Resolves after `ms`, at a wake, or when `signal` aborts: whatever is first. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      forget();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    const forget = onWake(done);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}
