/** What a component may know about an answer's job. It lies in `message.metadata.custom.answer`. */
export type AnswerMeta = {
  phase: Phase;
  jobId?: string;
  /** The place in the queue; 1 is next. Only while `phase` is "waiting". */
  position?: number;
  /** Seconds until the answer begins; absent: not known. */
  etaSeconds?: number;
  /** Why the job came back to the queue; "restarted": the text so far is void, and the answer begins anew. */
  detail?: string;
  worker?: string;
  model?: string;
  attempt?: number;
  /**
   * Milliseconds until this attempt's start, from which the times below count. Each of them is absent where it is not
   * known.
   */
  queuedMs?: number;
  /** Milliseconds in which the model was loaded into memory. */
  loadMs?: number;
  /** Milliseconds in which the prompt was read. */
  promptMs?: number;
  firstTokenMs?: number;
  /** Milliseconds from the first thought to the first word; only where this page has received both. */
  thinkingMs?: number;
  /** Milliseconds in which the answer was written. */
  generateMs?: number;
  totalMs?: number;
  tokensPerSecond?: number;
  promptTokens?: number;
  completionTokens?: number;
  finishReason?: string;
  /** How many of the chat's messages, up to the question, the answer's model was given; absent: all of them. */
  contextMessages?: number;
  error?: AnswerError;
  feedback?: "up" | "down";
  /** How many images of earlier messages were not sent with the question, because there was no room for them. */
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

/** `message` states what happened and what to do; `retryable`: sending the same again may work. */
export type AnswerError = {
  code: string;
  message: string;
  retryable: boolean;
  /** Seconds until another try is worth it, where the server sent a number. */
  retryAfterSeconds?: number;
};
