import { failureOf, type AnswerError, type Remedy } from "@/runtime";

export type Advice = { title: string; text: string; remedies: readonly Remedy[] };

/** The content of the card for an error. A retry is always offered where it may work, whatever else helps. */
export function adviceFor({ code, message, retryable }: AnswerError): Advice {
  const { title = "The answer failed", remedies = ["retry", "edit"] } = failureOf(code) ?? {};
  const adds = retryable && !remedies.includes("retry");
  return { title, text: message, remedies: adds ? ["retry", ...remedies] : remedies };
}
