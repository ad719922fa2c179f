// Put into a page before its own scripts: what Chromium itself says about long tasks, shifts, keys and, where they are
// counted, frames.
(() => {
  const seen = { tasks: [], shifts: [], keys: new Map(), frames: [] };

  const watch = (type, take, more = {}) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...more });

  watch("longtask", (entry) => seen.tasks.push(entry.duration));
  watch("layout-shift", (entry) => entry.hadRecentInput || seen.shifts.push({ at: entry.startTime, value: entry.value }));
  watch(
    "event",
    (entry) => {
      if (!entry.interactionId || !entry.name.startsWith("key")) return;
      seen.keys.set(entry.interactionId, Math.max(entry.duration, seen.keys.get(entry.interactionId) ?? 0));
    },
    { durationThreshold: 16 },
  );

  const onFrame = (at) => {
    seen.frames.push(at);
    requestAnimationFrame(onFrame);
  };
  if (globalThis.countsFrames) requestAnimationFrame(onFrame);

  globalThis.gauges = {
    reset() {
      Object.assign(seen, { tasks: [], shifts: [], keys: new Map(), frames: [] });
    },
    read: () => ({ ...seen, keys: [...seen.keys.values()] }),
  };
})();
