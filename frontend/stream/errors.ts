/** What went wrong with an answer, as a sentence that says what to do. */
import type { AnswerError } from "./answer-meta";
import { failureOf, type Failure, type OwnCode } from "./failures";

type Told = { code: string; message: string; retryable?: boolean; retryAfter?: number };

/** The sentence for a code; where the table has none, the server's message. */
export function answerError({ code, message, retryable, retryAfter }: Told): AnswerError {
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

/** The answer may be there, or can never be here: the same once more would make a second one, or fail again. */
const helpsInstead = (known: Failure | undefined) => known?.remedies[0] === "reload" || known?.remedies[0] === "new";

/** What the page itself found out. */
export const ownError = (code: OwnCode): AnswerError => answerError({ code, message: "" });

function advice(seconds: number | undefined): string {
  if (seconds === undefined || seconds <= 1) return "Try again.";
  return `Try again in ${seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${Math.ceil(seconds / 60)} minutes`}.`;
}
