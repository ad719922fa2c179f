import type { AnswerError } from "@/runtime/types";

export type Remedy = "retry" | "edit" | "settings" | "reload";
export type Advice = { title: string; text: string; remedies: Remedy[] };

/** By the error's code: what happened, and which buttons help. The server's own message always follows as the text. */
const KNOWN: Record<string, { title: string; remedies: Remedy[] }> = {
  queue_full: { title: "The queue is full", remedies: ["retry"] },
  unavailable: { title: "The server cannot take this now", remedies: ["retry"] },
  network: { title: "The server could not be reached", remedies: ["retry"] },
  model_not_found: { title: "This model is not there", remedies: ["settings", "retry"] },
  context_too_long: { title: "The conversation is too long for this model", remedies: ["edit", "settings"] },
  too_large: { title: "The message is too large", remedies: ["edit"] },
  invalid_request: { title: "The server did not accept the request", remedies: ["edit", "settings"] },
  engine_refused: { title: "The model refused the request", remedies: ["edit", "settings"] },
  unsupported: { title: "The model cannot do this", remedies: ["edit", "settings"] },
  out_of_memory: { title: "The GPU ran out of memory", remedies: ["retry", "settings"] },
  deadline: { title: "The answer took too long", remedies: ["retry"] },
  engine_silent: { title: "The model stopped answering", remedies: ["retry"] },
  engine_unavailable: { title: "The model's engine is not reachable", remedies: ["retry"] },
  engine_error: { title: "The model's engine failed", remedies: ["retry"] },
  stream_cut: { title: "The model's stream broke off", remedies: ["retry"] },
  worker_lost: { title: "The workers were lost", remedies: ["retry"] },
  never_started: { title: "No worker was free in time", remedies: ["retry"] },
  unknown_parent: { title: "This conversation changed elsewhere", remedies: ["reload"] },
  not_found: { title: "This conversation is no longer there", remedies: ["reload"] },
};

/** The card for an error. What nobody foresaw can be tried again where the server says that it may work. */
export function adviceFor(error: AnswerError): Advice {
  const known = KNOWN[error.code];
  const fallback: Remedy[] = error.retryable ? ["retry"] : ["retry", "edit"];
  const remedies = known?.remedies ?? fallback;
  return {
    title: known?.title ?? "The answer failed",
    text: error.message,
    remedies: error.retryable && !remedies.includes("retry") ? ["retry", ...remedies] : remedies,
  };
}
