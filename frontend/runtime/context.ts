import type { ThreadMessage } from "@assistant-ui/react";
import { answerOf } from "./answer";
import { isSent } from "./convert";

/** The index of the message at which the newest answer's model began to read; 0: it was given all messages. */
export function readFrom(messages: readonly ThreadMessage[]): number {
  const answer = messages.findLastIndex((message) => answerOf(message)?.jobId !== undefined);
  let left = answer < 0 ? undefined : answerOf(messages[answer]!)?.contextMessages;
  if (left === undefined) return 0;
  for (let place = answer - 1; place >= 0; place--) if (isSent(messages[place]!) && --left <= 0) return place;
  return 0;
}
