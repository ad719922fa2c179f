import { about, ordinal } from "@/components/ui/words";
import type { AnswerMeta } from "@/runtime";

/** The state of an answer until its first token, in one line; null where the answer itself shows its state. */
export function statusSentence(answer: AnswerMeta | undefined): string | null {
  switch (answer?.phase) {
    case undefined:
    case "connecting":
      return "Connecting…";
    case "waiting":
      return place(answer);
    case "starting_worker":
      return "Starting a GPU worker…";
    case "loading_model":
      return answer.model ? `Loading ${answer.model}…` : "Loading the model…";
    case "reconnecting":
      return answer.jobId ? "Reconnecting — the answer goes on" : "The server is not reached; sending again…";
    case "answering":
      return "Thinking…";
    default:
      return null;
  }
}

function place({ position, etaSeconds }: AnswerMeta): string {
  const where = position === undefined ? "In the queue" : position <= 1 ? "Next in the queue" : `${ordinal(position)} in the queue`;
  return etaSeconds === undefined ? where : `${where} · ${about(etaSeconds)}`;
}

const DETAILS: Record<string, string> = {
  worker_lost: "A worker was lost; trying again",
  interrupted: "The worker had to stop; another one takes over",
  internal_error: "The worker failed; trying again",
  engine_failed: "The engine failed; trying again",
  engine_silent: "The engine fell silent; trying again",
  engine_unavailable: "The engine was lost; trying again",
  out_of_memory: "The model did not fit in memory; trying again",
  stream_cut: "The answer broke off; trying again",
  order_lost: "The worker was not reached; trying again",
  restarted: "The answer begins anew",
};

/** Why the job is back in the queue, or lost its text, in words. A sentence of the server is shown as it is. */
export const detailSentence = (detail: string | undefined) => (detail ? (DETAILS[detail] ?? detail) : null);
