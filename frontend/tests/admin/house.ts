import type { Source } from "@/components/admin/feed";
import type { Job, Mark, Point, Snapshot } from "@/components/admin/types";

export const T0 = Date.parse("2026-01-01T12:00:00.000Z");
export const at = (seconds: number) => new Date(T0 + seconds * 1000).toISOString();

export const point = (seconds: number, part: Partial<Point> = {}): Point => ({
  at: at(seconds),
  depth: 0,
  running: 0,
  wait_ms: null,
  first_token_ms: null,
  tokens_per_second: 0,
  ...part,
});

type Worker = Snapshot["workers"][number];

export const worker = (part: Partial<Worker> = {}): Worker => ({
  id: "w-1",
  engine: "ollama",
  detail: "",
  host: "node-1",
  slots: 4,
  running: 1,
  state: "busy",
  beat_age_ms: 500,
  since: at(-60),
  job_seconds: 0,
  tokens_per_second: null,
  models: [{ name: "qwen3", loaded: true }],
  gpus: [],
  ...part,
});

export const snapshot = (seconds: number, part: Partial<Snapshot> = {}): Snapshot => ({
  at: at(seconds),
  queue: { depth: 3, running: 1, waiting: 2, classes: [{ class: "interactive", waiting: 2, returned: 1, tenants: [{ tenant: "default", waiting: 1 }] }] },
  workers: [worker()],
  point: point(seconds, { depth: 3, running: 1 }),
  ...part,
});

export const mark = (seconds: number, what: string, detail = ""): Mark => ({ at: at(seconds), what, detail });

export const job = (part: Partial<Job> = {}): Job => ({
  id: "0a1b2c3d-0000-4000-8000-000000000001",
  state: "running",
  tenant: "default",
  class: "interactive",
  model: "qwen3",
  attempt: 1,
  tries: 0,
  worker: "w-1",
  accepted_at: at(0),
  ended_at: null,
  why: null,
  usage: null,
  timings: null,
  timeline: [mark(0, "accepted"), mark(2, "given:1", "w-1")],
  ...part,
});

/** A stream whose events the test sends. */
export class FakeSource extends EventTarget implements Source {
  readyState = 1;

  send(type: string, data: unknown) {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }));
  }

  /** `forGood`: as after an answer that is no stream, the browser gives up. */
  cut(forGood = false) {
    this.readyState = forGood ? 2 : 0;
    this.dispatchEvent(new Event("error"));
  }

  close() {
    this.readyState = 2;
  }
}
