/** A busy page calls the act after this time at the latest. */
const PATIENCE_MS = 300;

/**
 * Calls `act` once the browser is idle; returns how to call that off. Safari has no idle callbacks and gets a timer.
 */
export function whenIdle(act: () => void): () => void {
  if (typeof requestIdleCallback === "function") {
    const handle = requestIdleCallback(act, { timeout: PATIENCE_MS });
    return () => cancelIdleCallback(handle);
  }
  const timer = setTimeout(act, PATIENCE_MS / 6);
  return () => clearTimeout(timer);
}
