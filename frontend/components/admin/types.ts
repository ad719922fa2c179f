import type { Timings, Usage } from "@/stream/events";

/** The answers of `/api/admin`. Times are ISO 8601 in UTC; fields that this page does not know are ignored. */

/**
 * The pool at one moment. `wait_ms`, `first_token_ms`: means of the jobs that ended in the ten seconds before; null:
 * none ended.
 */
export type Point = {
  at: string;
  depth: number;
  running: number;
  wait_ms: number | null;
  first_token_ms: number | null;
  tokens_per_second: number;
};

export type TenantQueue = { tenant: string; waiting: number };

/** `returned`: jobs that a worker gave back, which are taken before every tenant's turn; they are part of `waiting`. */
export type ClassQueue = { class: string; waiting: number; returned: number; tenants: TenantQueue[] };

export type Queue = { depth: number; running: number; waiting: number; classes: ClassQueue[] };

export type WorkerState = "idle" | "busy" | "full" | "not_asking" | "silent";

/** A value that the worker could not read of its GPU is null. */
export type Gpu = {
  name: string;
  memory_used_mb: number | null;
  memory_total_mb: number | null;
  utilization_percent: number | null;
  temperature_c: number | null;
  power_w: number | null;
};

/** One life of a worker process. `job_seconds`: mean time of its latest jobs, 0 before the first. */
export type Worker = {
  id: string;
  engine: string;
  detail: string;
  host: string;
  slots: number;
  running: number;
  state: WorkerState;
  since: string;
  job_seconds: number;
  tokens_per_second: number | null;
  models: { name: string; loaded: boolean }[];
  gpus: Gpu[];
};

export type Snapshot = { at: string; queue: Queue; workers: (Worker & { beat_age_ms: number })[]; point: Point };

export type JobState = "queued" | "running" | "completed" | "failed" | "cancelled";

/** `what` is accepted, given:2, started:2, returned:2 or ended; `detail` the worker, the reason or the final state. */
export type Mark = { at: string; what: string; detail: string };

export type Job = {
  id: string;
  state: JobState;
  tenant: string;
  class: string;
  model: string;
  attempt: number;
  tries: number;
  worker: string | null;
  accepted_at: string;
  ended_at: string | null;
  why: string | null;
  usage: Usage | null;
  timings: Timings | null;
  timeline: Mark[];
};

/** `job` null: the entry could not be read, or its job is forgotten. */
export type DeadLetter = { entry: string; id: string; job: Job | null; why: string; at: string };

export type JobPage = { jobs: Job[]; next_cursor: string | null };
export type DeadPage = { dead: DeadLetter[]; next_cursor: string | null };
