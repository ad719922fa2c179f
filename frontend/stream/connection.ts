/** One connection of a stream: opened, watched for silence, and cut when it is of no more use. */
import { hear, type Dialect, type Heard } from "./dialects";
import { onWake } from "./wake";

/** The server says something at least every 10 s (wire/reader.py, SILENCE_SECONDS); two and a half of those missed. */
const SILENCE_MS = 25_000;
const DOZE_MS = 12_000; // after this, a tab that becomes visible does not wait for the rest of the silence
const STOOD_MS = 15_000; // a connection that still tells something then works: the server's first sign of life alone is less
const ANSWER_MS = 120_000; // until the headers: a message with images may take its time on its way up

export class Connection {
  private readonly controller = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastHeard = performance.now();
  private openedAt = Infinity; // when its headers came
  private readonly forget: () => void;

  constructor() {
    this.watch(ANSWER_MS);
    this.forget = onWake((wake) => {
      if (wake === "online" || performance.now() - this.lastHeard > DOZE_MS) this.close();
    });
  }

  open(fetch: typeof globalThis.fetch, path: string, init: RequestInit): Promise<Response> {
    return fetch(path, { ...init, cache: "no-store", signal: this.controller.signal });
  }

  /** What the response tells; raises when the connection is cut, also when it says nothing for too long. */
  async *hear(response: Response, dialect: Dialect): AsyncGenerator<Heard[]> {
    if (!response.body) return;
    this.watch(SILENCE_MS);
    this.openedAt = this.lastHeard;
    yield* hear(response.body, dialect, () => {
      this.lastHeard = performance.now();
    });
  }

  /** Something was heard on it for a while; to wait for headers, or behind them for a first word, is not to stand. */
  get stood(): boolean {
    return this.lastHeard - this.openedAt > STOOD_MS;
  }

  close(): void {
    clearTimeout(this.timer);
    this.forget();
    this.controller.abort();
  }

  /** Closes after so long a silence. What is heard only notes the time: it comes a hundred times a second. */
  private watch(ms: number): void {
    clearTimeout(this.timer);
    this.lastHeard = performance.now();
    this.timer = setTimeout(() => this.look(ms), ms);
  }

  private look(ms: number): void {
    const left = this.lastHeard + ms - performance.now();
    if (left <= 0) return this.close();
    this.timer = setTimeout(() => this.look(ms), left);
  }
}
