/* oxlint-disable no-await-in-loop -- values are taken one after the other */
/** Passes on only the newest of a fast source's values, since one update of the page costs more than a token. */
export const PACE_MS = 100; // 15 % of the main thread at 100 tokens/s; 17 % at 80 ms, 22 % at 50, 60 % with an update a token

/**
 * Yields the first value at once, then at most one each `ms`; the last is never lost. It uses timers because hidden
 * tabs have no frames.
 */
export async function* pace<T>(source: AsyncGenerator<T>, ms = PACE_MS): AsyncGenerator<T> {
  const inbox = new Latest(source);
  try {
    while (await inbox.filled()) {
      yield inbox.take();
      if (!inbox.done) await inbox.rest(ms);
    }
  } finally {
    await source.return(undefined);
  }
}

/** Reads a source as fast as it yields, and keeps the newest value. */
class Latest<T> {
  done = false;
  private value: { is: T } | undefined;
  private error: { is: unknown } | undefined;
  private wake: () => void = () => {};

  constructor(source: AsyncGenerator<T>) {
    void this.read(source);
  }

  /** Waits for a value. False at the end; raises the source's error once every value before it was taken. */
  async filled(): Promise<boolean> {
    if (!this.value && !this.done) await new Promise<void>((resolve) => (this.wake = resolve));
    if (!this.value && this.error) throw this.error.is;
    return this.value !== undefined;
  }

  take(): T {
    const { is } = this.value as { is: T };
    this.value = undefined;
    return is;
  }

  /** Waits `ms`, or for the source's end. */
  async rest(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = new Promise<void>((resolve) => (this.ended = resolve));
    await Promise.race([end, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
    clearTimeout(timer);
  }

  private ended: () => void = () => {};

  private async read(source: AsyncGenerator<T>): Promise<void> {
    try {
      for await (const is of source) {
        this.value = { is };
        this.wake();
      }
    } catch (is) {
      this.error = { is };
    }
    this.done = true;
    this.ended();
    this.wake();
  }
}
