import { failureOf, type AnswerError, type Remedy } from "@/runtime";

export type Advice = { title: string; text: string; remedies: readonly Remedy[] };

/** The card for an error. What may be sent again can be, whatever else helps. */
export function adviceFor({ code, message, retryable }: AnswerError): Advice {
  const { title = "The answer failed", remedies = ["retry", "edit"] } = failureOf(code) ?? {};
  const adds = retryable && !remedies.includes("retry");
  return { title, text: message, remedies: adds ? ["retry", ...remedies] : remedies };
}
