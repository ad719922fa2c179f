/** The wire's events. Made from `wire/events.py` by `scripts/event-types.py`: change them there. */

/** The job was cancelled: `asked` by its caller, or `client_gone`. */
export type Cancelled = {
  type: "cancelled";
  reason?: string;
};

/** The job was answered. `stop_sequence`: the caller's stop string that ended the answer; absent: none did, or the engine does not report it. */
export type Completed = {
  type: "completed";
  finish_reason: string;
  usage: Usage;
  timings: Timings;
  tokens_per_second?: number;
  model?: string;
  stop_sequence?: string;
};

/** The job has failed. `retryable`: the same request may succeed if it is sent again. */
export type Failed = {
  type: "failed";
  code: string;
  message: string;
  retryable?: boolean;
};

/** The place of a job. `position` 1: it is next, 0: it runs; `eta_seconds` absent: not known yet. */
export type Queued = {
  type: "queued";
  position: number;
  eta_seconds?: number;
  reason?: "waiting" | "starting_worker" | "loading_model";
  detail?: string;
};

/** The job goes on as `model` in `pool`, before its first token. Where that is another pool, this log ends here. */
export type Rerouted = {
  type: "rerouted";
  pool: string;
  model: string;
  reason: string;
};

/** All output so far is void: the next token begins the answer anew. */
export type Restarted = {
  type: "restarted";
  reason?: string;
};

/** An attempt has begun. The text of earlier attempts stands unless `restarted` follows. */
export type Started = {
  type: "started";
  attempt: number;
  worker: string;
  model: string;
};

/** The times of an attempt, ms. `queued_ms`: from accept to its start; `first_token_ms`, `total_ms`: from that start on; `thinking_ms`: from the first thought to the first text after it, 0 where the model had no thought. */
export type Timings = {
  queued_ms?: number;
  load_ms?: number;
  prompt_ms?: number;
  first_token_ms?: number;
  thinking_ms?: number;
  generate_ms?: number;
  total_ms?: number;
};

/** A burst of output: one or more model tokens (`n`, absent = 1). `embeddings`: vectors in the order of the inputs, each little-endian 32-bit floats in base64; `n` is 0 then. */
export type Token = {
  type: "token";
  text?: string;
  thinking?: string;
  tool_calls?: Record<string, unknown>[];
  logprobs?: Record<string, unknown>[];
  embeddings?: string[];
  n?: number;
};

/** Counts of tokens. `cached_tokens` of the prompt came from the engine's cache, `thinking_tokens` of the answer are thoughts; both are 0 where the engine does not report them. */
export type Usage = {
  prompt_tokens?: number;
  completion_tokens?: number;
  cached_tokens?: number;
  thinking_tokens?: number;
};

export type WireEvent = Cancelled | Completed | Failed | Queued | Rerouted | Restarted | Started | Token;
