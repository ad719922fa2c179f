/** One connection of a stream: opened, watched for silence, and closed when it is of no more use. */
import { receive, type Dialect, type Received } from "./dialects";
import { onWake } from "./wake";

/**
 * The server sends something at least every 10 s (wire/reader.py, SILENCE_SECONDS): two and a half of these are missed.
 */
const SILENCE_MS = 25_000;
const DOZE_MS = 12_000; // after this, a tab that becomes visible does not wait for the rest of the silence
const LASTED_MS = 15_000; // a connection on which something still arrives after this time works; the server's first sign of life alone proves less
const ANSWER_MS = 120_000; // until the headers arrive: a message with images may take its time on its way up

export class Connection {
  private readonly controller = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastReceived = performance.now();
  private openedAt = Infinity; // when its headers came
  private readonly stopListening: () => void;

  constructor() {
    this.watch(ANSWER_MS);
    this.stopListening = onWake((wake) => {
      if (wake === "online" || performance.now() - this.lastReceived > DOZE_MS) this.close();
    });
  }

  open(fetch: typeof globalThis.fetch, path: string, init: RequestInit): Promise<Response> {
    return fetch(path, { ...init, cache: "no-store", signal: this.controller.signal });
  }

  /** What the response brings; raises when the connection is cut, also after too long a silence. */
  async *receive(response: Response, dialect: Dialect): AsyncGenerator<Received[]> {
    if (!response.body) return;
    this.watch(SILENCE_MS);
    this.openedAt = this.lastReceived;
    yield* receive(response.body, dialect, () => {
      this.lastReceived = performance.now();
    });
  }

  /** Whether something arrived over a while. Waiting for headers, or behind them for a first event, does not count. */
  get lasted(): boolean {
    return this.lastReceived - this.openedAt > LASTED_MS;
  }

  close(): void {
    clearTimeout(this.timer);
    this.stopListening();
    this.controller.abort();
  }

  /**
   * Closes after so long a silence. A piece that arrives only sets the time, since pieces arrive a hundred times a
   * second.
   */
  private watch(ms: number): void {
    clearTimeout(this.timer);
    this.lastReceived = performance.now();
    this.timer = setTimeout(() => this.look(ms), ms);
  }

  private look(ms: number): void {
    const left = this.lastReceived + ms - performance.now();
    if (left <= 0) return this.close();
    this.timer = setTimeout(() => this.look(ms), left);
  }
}
