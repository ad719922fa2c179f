/** Turns what went wrong with an answer into a sentence with what to do. */
import type { AnswerError } from "./answer-meta";
import { failureOf, type Failure, type OwnCode } from "./failures";

type ReportedError = { code: string; message: string; retryable?: boolean; retryAfter?: number };

/** An error with the table's sentence for its code, else with the server's message. */
export function answerError({ code, message, retryable, retryAfter }: ReportedError): AnswerError {
  const known = failureOf(code);
  const mayRepeat = !helpsInstead(known) && (retryable ?? known?.remedies[0] === "retry");
  const parts = [known?.text ?? message, ...(mayRepeat ? [advice(retryAfter)] : [])];
  return {
    code,
    message: parts.join(" "),
    retryable: mayRepeat,
    ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }),
  };
}

/**
 * Whether another remedy comes before a retry: the answer may be there already, and a retry would make a second one, or
 * it can never be here, and a retry would fail again.
 */
const helpsInstead = (known: Failure | undefined) => known?.remedies[0] === "reload" || known?.remedies[0] === "new";

/** An error that the page itself noticed. */
export const ownError = (code: OwnCode): AnswerError => answerError({ code, message: "" });

function advice(seconds: number | undefined): string {
  if (seconds === undefined || seconds <= 1) return "Try again.";
  return `Try again in ${seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${Math.ceil(seconds / 60)} minutes`}.`;
}
