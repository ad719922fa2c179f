/**
 * How an answer can fail, by the error's code: what happened, what to do, and the buttons that do it. One table, so
 * that no button contradicts its sentence. A test keeps it equal to the codes of the API and the workers.
 */

/** `edit`: the question. `new`: an empty chat. The first of several remedies helps most. */
export type Remedy = "retry" | "edit" | "settings" | "reload" | "new";

/** `text` is shown instead of the server's message, where that was not written for a person who chats. */
export type Failure = { title: string; text?: string; remedies: readonly Remedy[] };

const NOT_TAKEN = "The server cannot take this now";
const NOT_ACCEPTED = "The server did not accept the request";

const outdated: Failure = {
  title: "Page and server do not agree",
  text: "The server may have been updated. Reload the page, and send the message again.",
  remedies: ["reload"],
};
const changed: Failure = {
  title: "This conversation changed elsewhere",
  text: "This chat was changed elsewhere. Reload it, and send the message again.",
  remedies: ["reload"],
};
const foreign: Failure = { title: "The server refuses this page", remedies: ["reload"] };
const full: Failure = { title: "The queue is full", text: "The queue is full.", remedies: ["retry"] };
const forgotten: Failure = {
  title: "The answer is out of sight",
  text: "This answer is no longer in the queue. Reload the page to see what became of it.",
  remedies: ["reload"],
};

/** Failures that the API and the workers report. */
const REPORTED: Record<string, Failure> = {
  // the queue, and what stands behind it
  queue_full: full,
  queue_full_depth: full,
  queue_full_bytes: {
    title: "The queue is full",
    text: "The requests that wait are too large together.",
    remedies: ["retry"],
  },
  queue_full_tenant: {
    title: "Too many of your answers wait",
    text: "You have too many answers waiting.",
    remedies: ["retry"],
  },
  queue_unavailable: {
    title: "The queue does not answer",
    text: "The queue does not answer just now; nothing was sent to a model.",
    remedies: ["retry"],
  },
  queue_out_of_memory: { title: "The queue's memory is full", text: "The queue's memory is full.", remedies: ["retry"] },
  queue_read_only: {
    title: "The queue cannot write to its disk",
    text: "The queue cannot write to its disk, so it takes nothing in.",
    remedies: ["retry"],
  },
  clock_stepped: { title: NOT_TAKEN, text: "The queue's clock is being put right.", remedies: ["retry"] },
  history_unavailable: {
    title: "The chat cannot be stored",
    text: "The chat's history cannot be stored just now, so nothing was sent.",
    remedies: ["retry"],
  },
  draining: { title: NOT_TAKEN, text: "The server is restarting.", remedies: ["retry"] },
  overloaded: { title: NOT_TAKEN, text: "The server has too much to do just now.", remedies: ["retry"] },
  unavailable: { title: NOT_TAKEN, remedies: ["retry"] },
  internal_error: { title: "The server failed", remedies: ["retry"] },

  // the model and its engine
  model_not_found: {
    title: "This model is not there",
    text: "No worker serves this model. Choose another model, or start a worker that has it.",
    remedies: ["settings", "retry"],
  },
  unsupported: {
    title: "The model cannot do this",
    text: "This model cannot do what was asked of it. Choose another, or take the images away.",
    remedies: ["edit", "settings"],
  },
  context_too_long: {
    title: "The conversation is too long for this model",
    text: "This chat is longer than the model can read. Start a new chat, or edit an earlier message.",
    remedies: ["edit", "new", "settings"],
  },
  engine_refused: {
    title: "The model refused the request",
    text: "The model refused this request. Change the settings or the message.",
    remedies: ["edit", "settings"],
  },
  engine_unavailable: {
    title: "The model's engine is not reachable",
    text: "The model's engine could not be reached.",
    remedies: ["retry"],
  },
  engine_error: {
    title: "The model's engine failed",
    text: "The model's engine failed while it answered. Send the message once more, or choose another model.",
    remedies: ["retry", "settings"],
  },
  engine_failed: {
    title: "The model's engine failed",
    text: "The model's engine failed, several times over. Send the message once more, or choose another model.",
    remedies: ["retry", "settings"],
  },
  engine_denied: {
    title: "The model's provider lets nobody in",
    text: "The provider of this model refuses this server. Choose another model, or tell whoever runs the server.",
    remedies: ["settings", "retry"],
  },
  answer_too_large: {
    title: "The answer has no end",
    text: "The model's engine sent more than an answer may be. Send the message once more, or choose another model.",
    remedies: ["retry", "settings"],
  },
  engine_silent: { title: "The model stopped answering", text: "The model stopped answering.", remedies: ["retry"] },
  stream_cut: {
    title: "The model's stream broke off",
    text: "The model's engine broke off in the middle of the answer.",
    remedies: ["retry"],
  },
  out_of_memory: {
    title: "The GPU ran out of memory",
    text: "The model ran out of memory. Wait a little, or choose a smaller model or context.",
    remedies: ["retry", "settings"],
  },

  // the job
  deadline: {
    title: "The answer took too long",
    text: "The answer took longer than is allowed, and was ended.",
    remedies: ["retry"],
  },
  never_started: {
    title: "No worker was free in time",
    text: "No worker could begin this answer.",
    remedies: ["retry"],
  },
  worker_lost: {
    title: "The workers were lost",
    text: "The worker was lost, several times over.",
    remedies: ["retry"],
  },
  job_lost: { title: "The answer was lost", text: "The server lost this answer in a restart.", remedies: ["retry"] },
  job_not_found: forgotten,
  interrupted: {
    title: "The answer was interrupted",
    text: "The answer was interrupted, and began anew.",
    remedies: ["retry"],
  },
  client_gone: { ...forgotten, text: "This page no longer follows the answer. Reload it to see what became of it." },
  cancelled: { title: "The answer was stopped", text: "The answer was stopped elsewhere.", remedies: ["retry"] },
  undecodable: outdated,

  // the request
  too_large: {
    title: "The message is too large",
    text: "This is more than the server takes at once. Take images away or shorten the message, or start a new chat.",
    remedies: ["edit", "new"],
  },
  too_many_messages: {
    title: "The conversation is too long",
    text: "This chat has more messages than the server takes. Start a new one.",
    remedies: ["new"],
  },
  nul_character: {
    title: NOT_ACCEPTED,
    text: "The message has a character that cannot be sent (U+0000). Edit it.",
    remedies: ["edit"],
  },
  invalid_request: { title: NOT_ACCEPTED, remedies: ["edit", "settings"] },
  thread_not_found: {
    title: "This conversation is no longer there",
    text: "This chat is no longer here. Start a new one.",
    remedies: ["new"],
  },
  unknown_parent: changed,
  message_elsewhere: changed,
  answer_exists: changed,
  idempotency_key_reused: changed,
  conflict: changed,
  not_found: outdated,
  method_not_allowed: outdated,
  invalid_turn: outdated,
  invalid_json: outdated,
  nested_too_deep: outdated,
  too_many_values: outdated,
  wrong_media_type: outdated,
  encoded_body: outdated,
  malformed_request: outdated,
  forbidden: foreign,
  host_not_allowed: foreign,
  origin_not_allowed: foreign,
};

/** Failures that the page itself notices. */
const OWN = {
  offline: { title: "There is no network", text: "There is no network, so the message was not sent.", remedies: ["retry"] },
  unreachable: {
    title: "The server could not be reached",
    text: "The server could not be reached, so the message was not sent.",
    remedies: ["retry"],
  },
  connection_lost: {
    title: "The connection was lost",
    text: "The connection was lost. The answer goes on without you: reload the page to see it.",
    remedies: ["reload"],
  },
  job_forgotten: forgotten,
  runs_beside: {
    title: "This answer is being written",
    text: "Another answer of this chat is written at the same time. Both will be here when they are done.",
    remedies: ["reload"],
  },
  failed: { title: "The answer failed", remedies: ["retry"] },
} satisfies Record<string, Failure>;

export type OwnCode = keyof typeof OWN;

/** Failures that a proxy's page reports instead of the API, by the status of the response. */
const PROXIES: Record<string, Failure> = {
  http_401: { title: "You are not logged in", text: "Reload the page, and log in again.", remedies: ["reload"] },
  http_403: { title: "You may not do this", text: "Reload the page; you may have to log in again.", remedies: ["reload"] },
  http_413: REPORTED.too_large!,
};

const KNOWN: Record<string, Failure | undefined> = { ...REPORTED, ...OWN, ...PROXIES };

/** Undefined: the table does not have the code. */
export const failureOf = (code: string): Failure | undefined => KNOWN[code];
