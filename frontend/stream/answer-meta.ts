/** What a component may know about an answer's job. Lives in `message.metadata.custom.answer`. */
export type AnswerMeta = {
  phase: Phase;
  jobId?: string;
  /** Place in the queue, 1 is next. Only while `phase` is "waiting". */
  position?: number;
  /** Seconds until it begins; absent: not known. */
  etaSeconds?: number;
  /** Why the job came back to the queue, where it did; "restarted": the text so far was void, the next begins anew. */
  detail?: string;
  worker?: string;
  model?: string;
  attempt?: number;
  /** Until this attempt's start; the times below count from there. Absent: not known, as all of them may be. */
  queuedMs?: number;
  /** The model into the memory. */
  loadMs?: number;
  /** The prompt read. */
  promptMs?: number;
  firstTokenMs?: number;
  /** From the first thought to the first word; only where this page has seen both. */
  thinkingMs?: number;
  /** The answer written. */
  generateMs?: number;
  totalMs?: number;
  tokensPerSecond?: number;
  promptTokens?: number;
  completionTokens?: number;
  finishReason?: string;
  /** So many of the chat's messages, up to its question, its model was given; absent: all of them. */
  contextMessages?: number;
  error?: AnswerError;
  feedback?: "up" | "down";
  /** Images of earlier messages that did not go along with the question: there was no room for them. */
  imagesLeftOut?: number;
};

/**
 * connecting ─► waiting ─► starting_worker | loading_model ─► answering ─► done | failed | cancelled
 *        └────────────────────────────┴── reconnecting ──┘ (the network is cut; the job runs on)
 */
export type Phase =
  | "connecting"
  | "waiting"
  | "starting_worker"
  | "loading_model"
  | "answering"
  | "reconnecting"
  | "done"
  | "failed"
  | "cancelled";

/** `message` says what happened and what to do; `retryable`: sending the same again may work. */
export type AnswerError = {
  code: string;
  message: string;
  retryable: boolean;
  /** Seconds until another try is worth it, where the server said so. */
  retryAfterSeconds?: number;
};
