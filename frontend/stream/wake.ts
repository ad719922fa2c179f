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

const BREATH_MS = 45; // a little less than the page's pace: its next update finds the tokens of one read

/**
 * Between two reads of tokens: what comes meanwhile is read in one piece, and wakes the main thread once.
 * A hidden tab goes without: its timers may take a minute, and what is heard there is not drawn.
 */
export const breath = (signal: AbortSignal): Promise<void> =>
  typeof document !== "undefined" && document.visibilityState === "visible" ? pause(BREATH_MS, signal) : Promise.resolve();
