/** Moments at which a broken connection is worth another look at once. */
export type Wake = "online" | "visible";

export function onWake(listener: (wake: Wake) => void): () => void {
  if (typeof window === "undefined") return () => {};
  const online = () => listener("online");
  const visible = () => document.visibilityState === "visible" && listener("visible");
  window.addEventListener("online", online);
  document.addEventListener("visibilitychange", visible);
  return () => {
    window.removeEventListener("online", online);
    document.removeEventListener("visibilitychange", visible);
  };
}

/** Resolves after `ms`, at a wake, or when `signal` aborts, whichever comes first. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stopListening();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    const stopListening = onWake(done);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}
