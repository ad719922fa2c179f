/** How long to wait before the next try, and when to give up. */
const FIRST_MS = 250;
const LONGEST_MS = 8_000;
const PATIENCE_MS = 180_000; // a rolling update, a tunnel or a closed laptop takes less; after more than this the user should know

export class Patience {
  private failures = 0;
  private failingSince: number | undefined;

  constructor(private readonly random: () => number) {}

  /** Something arrived: the next failure counts as the first again. */
  restored(): void {
    this.failures = 0;
    this.failingSince = undefined;
  }

  /**
   * Milliseconds until the next try: doubling, half of them random; undefined: give up. `least`: what the server wants.
   */
  next(least = 0): number | undefined {
    const now = performance.now();
    this.failingSince ??= now;
    if (now - this.failingSince > PATIENCE_MS) return undefined;
    const ms = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.failures++);
    return Math.max(least, ms * (0.5 + this.random() / 2));
  }
}
