/** The wire's events. Made from `wire/events.py` by `scripts/event-types.py`: change them there. */

export type Cancelled = {
  type: "cancelled";
  reason?: string;
};

/** `stop_sequence`: the caller's stop string that ended it; absent: none did, or the engine does not tell. */
export type Completed = {
  type: "completed";
  finish_reason: string;
  usage: Usage;
  timings: Timings;
  tokens_per_second?: number;
  model?: string;
  stop_sequence?: string;
};

/** `retryable`: the same request may succeed if it is sent again. */
export type Failed = {
  type: "failed";
  code: string;
  message: string;
  retryable?: boolean;
};

/** Where the job stands. `position` 1 is next, 0 is running; `eta_seconds` absent: not known yet. */
export type Queued = {
  type: "queued";
  position: number;
  eta_seconds?: number;
  reason?: "waiting" | "starting_worker" | "loading_model";
  detail?: string;
};

/** Before the first token: the job goes on as `model` in `pool`; its log ends here if that is another pool. */
export type Rerouted = {
  type: "rerouted";
  pool: string;
  model: string;
  reason: string;
};

/** The text so far is void: the next token begins the answer anew. */
export type Restarted = {
  type: "restarted";
  reason?: string;
};

/** An attempt has begun; text of earlier attempts stands unless `restarted` follows. */
export type Started = {
  type: "started";
  attempt: number;
  worker: string;
  model: string;
};

/** Milliseconds. `queued_ms`: accept to this attempt's start; `first_token_ms` and `total_ms`: from that start. `thinking_ms`: from the first thought to the first word behind it, 0 where none was thought. */
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

/** Tokens. `cached_tokens` of the prompt came from the engine's cache; `thinking_tokens` of the answer are thoughts. Both are 0 where the engine does not tell. */
export type Usage = {
  prompt_tokens?: number;
  completion_tokens?: number;
  cached_tokens?: number;
  thinking_tokens?: number;
};

export type WireEvent = Cancelled | Completed | Failed | Queued | Rerouted | Restarted | Started | Token;
