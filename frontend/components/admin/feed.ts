import { append, merge } from "./points";
import { share } from "./share";
import type { Point, Queue, Snapshot, Worker } from "./types";

export const EVENTS_URL = "/api/admin/events";
const STALLED_MS = 6000; // a snapshot comes every second: after so many missed ones the page shows old values
const OFFLINE_MS = 20_000;
const REOPEN_MS = 5000; // a browser gives up on a stream that was refused; the page opens it again

/**
 * connecting ─► live ─► reconnecting ─► offline        paused: by the operator, the stream is closed
 *                 ▲──────────┴────────────┘
 */
export type Connection = "connecting" | "live" | "reconnecting" | "offline" | "paused";

export type FeedState = {
  connection: Connection;
  /** When the latest snapshot came, by this page's clock; null: none yet. */
  updatedAt: number | null;
  /** Milliseconds to add to this page's clock to get the server's. */
  skew: number;
  /** What keeps the server from looking at the pool, in its words; null: nothing does. */
  trouble: string | null;
  queue: Queue | null;
  /** In the order of their ids; null: not known yet. */
  workers: Worker[] | null;
  /** Worker → when it beat last, by this page's clock. It is kept apart from the workers, which seldom change. */
  beats: Record<string, number>;
  points: Point[];
};

export const NOTHING_YET: FeedState = {
  connection: "connecting",
  updatedAt: null,
  skew: 0,
  trouble: null,
  queue: null,
  workers: null,
  beats: {},
  points: [],
};

/** The part of the browser's EventSource that is used. */
export type Source = Pick<EventTarget, "addEventListener"> & { close: () => void; readonly readyState: number };
const CLOSED = 2;

/** The state of the pool, which the server sends once a second. Each listener picks its part. */
export class Feed {
  state = NOTHING_YET;
  private readonly listeners = new Set<() => void>();
  private source: Source | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private receivedAt = 0;
  private openedAt = 0;

  constructor(
    private readonly open: (url: string) => Source = (url) => new EventSource(url),
    private readonly now: () => number = Date.now,
  ) {}

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  start() {
    this.receivedAt = this.now();
    this.connect();
    this.watch = setInterval(this.check, 1000);
  }

  stop() {
    clearInterval(this.watch);
    this.source?.close();
    this.source = undefined;
  }

  pause() {
    this.stop();
    this.set({ connection: "paused" });
  }

  resume() {
    this.set({ connection: "connecting" });
    this.start();
  }

  private connect() {
    this.source?.close();
    this.openedAt = this.now();
    const source = this.open(EVENTS_URL);
    this.source = source;
    source.addEventListener("history", (event) => this.onHistory(read<{ points: Point[] }>(event)));
    source.addEventListener("snapshot", (event) => this.onSnapshot(read<Snapshot>(event)));
    source.addEventListener("trouble", (event) => this.onTrouble(read<{ error: { message: string } }>(event)));
    source.addEventListener("error", () => this.onError());
  }

  private onHistory({ points }: { points: Point[] }) {
    this.set({ points: merge(points, this.state.points) });
  }

  private onSnapshot({ at, queue, workers, point }: Snapshot) {
    const now = this.now();
    this.receivedAt = now;
    const beats: Record<string, number> = {};
    const lives: Worker[] = [];
    for (const { beat_age_ms, ...worker } of workers) {
      beats[worker.id] = now - beat_age_ms;
      lives.push(worker);
    }
    this.set({
      connection: "live",
      updatedAt: now,
      skew: Date.parse(at) - now,
      trouble: null,
      queue: share(this.state.queue, queue),
      workers: share(this.state.workers, lives.toSorted(byName)),
      beats,
      points: append(this.state.points, point),
    });
  }

  /** The stream works, but the page shows values that grow old. */
  private onTrouble({ error }: { error: { message: string } }) {
    this.receivedAt = this.now();
    this.set({ connection: "live", trouble: error.message });
  }

  /** A stream that was refused stays closed; a stream that broke is opened again by the browser itself. */
  private onError() {
    if (this.source?.readyState === CLOSED) this.set({ connection: "offline" });
    else if (this.state.connection === "live") this.set({ connection: "reconnecting" });
  }

  /** Checks once a second whether the values are still current, and whether the browser still tries to connect. */
  private check = () => {
    const silent = this.now() - this.receivedAt;
    if (silent < STALLED_MS) return;
    const connection = this.silence(silent);
    if (connection !== this.state.connection) this.set({ connection });
    const patience = this.source?.readyState === CLOSED ? REOPEN_MS : OFFLINE_MS;
    if (this.now() - this.openedAt >= patience) this.connect();
  };

  /** The connection stays offline until something arrives: another try alone changes nothing. */
  private silence(ms: number): Connection {
    if (this.state.connection === "offline" || ms >= OFFLINE_MS) return "offline";
    return this.state.updatedAt === null ? "connecting" : "reconnecting";
  }

  private set(part: Partial<FeedState>) {
    this.state = { ...this.state, ...part };
    for (const listener of this.listeners) listener();
  }
}

const read = <T>(event: Event) => JSON.parse((event as MessageEvent<string>).data) as T;
const byName = (first: Worker, second: Worker) => first.id.localeCompare(second.id, "en", { numeric: true });
