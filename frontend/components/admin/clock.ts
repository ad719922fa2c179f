/** The page's time. It ticks once a second for the components that show an age, and stands still while none listens. */
export class Clock {
  now: number;
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly read: () => number = Date.now) {
    this.now = read();
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    if (!this.timer) this.begin();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
    };
  };

  private begin() {
    this.now = this.read();
    this.timer = setInterval(this.tick, 1000);
  }

  tick = () => {
    this.now = this.read();
    for (const listener of this.listeners) listener();
  };
}
