/** What went wrong with an answer, as a sentence that says what to do. */
import type { AnswerError } from "@/runtime/types";

type Told = { code: string; message: string; retryable?: boolean; retryAfter?: number };
type Sentence = { text: string; retryable: boolean };

const again = (text: string): Sentence => ({ text, retryable: true });
const change = (text: string): Sentence => ({ text, retryable: false });

/** Codes whose own message was not written for somebody who chats. All others are shown as they are told. */
const SENTENCES: Record<string, Sentence> = {
  model_not_found: change("No worker serves this model. Choose another model, or start a worker that has it."),
  context_too_long: change(
    "This chat is longer than the model can read. Start a new chat, or edit an earlier message.",
  ),
  queue_full: again("The queue is full."),
  queue_full_depth: again("The queue is full."),
  queue_full_tenant: again("You have too many answers waiting."),
  queue_unavailable: again("The queue does not answer just now; nothing was sent to a model."),
  deadline: again("The answer took longer than is allowed, and was ended."),
  engine_silent: again("The model stopped answering."),
  engine_refused: change("The model refused this request. Change the settings or the message."),
  engine_unavailable: again("The model's engine could not be reached."),
  engine_failed: again("The model failed while it answered."),
  out_of_memory: again("The model ran out of memory. Wait a little, or choose a smaller model or context."),
  worker_lost: again("The worker was lost, several times over."),
  never_started: again("No worker could begin this answer."),
  history_unavailable: again("The chat's history cannot be stored just now, so nothing was sent."),
  unsupported: change("This model cannot do what was asked of it. Choose another, or take the images away."),
  unknown_parent: change("This chat was changed elsewhere. Reload it, and send the message again."),
  not_found: change("This chat is no longer here. Start a new one."),
  thread_not_found: change("This chat is no longer here. Start a new one."),
  job_lost: again("The server lost this answer in a restart."),
  job_forgotten: change("This answer is no longer in the queue. Reload the chat to see what became of it."),
  draining: again("The server is restarting."),
  too_large: change("The message is too large. Send fewer or smaller images."),
  offline: again("There is no network, so the message was not sent."),
  unreachable: again("The server could not be reached, so the message was not sent."),
  connection_lost: change("The connection was lost. The answer goes on without you: reload the page to see it."),
};

/** Sentence and advice for a code; unknown codes keep the server's message. */
export function answerError({ code, message, retryable, retryAfter }: Told): AnswerError {
  const known = SENTENCES[code];
  const mayRepeat = retryable ?? known?.retryable ?? false;
  const parts = [known?.text ?? message, ...(mayRepeat ? [advice(retryAfter)] : [])];
  return {
    code,
    message: parts.join(" "),
    retryable: mayRepeat,
    ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }),
  };
}

function advice(seconds: number | undefined): string {
  if (seconds === undefined || seconds <= 1) return "Try again.";
  return `Try again in ${seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${Math.ceil(seconds / 60)} minutes`}.`;
}
