import type { ThreadMessage } from "@assistant-ui/react";
import { answerOf } from "./answer";
import { isSent } from "./convert";

/** Where the newest answer's model began to read: the index of that message, 0 where it was given all of them. */
export function readFrom(messages: readonly ThreadMessage[]): number {
  const answer = messages.findLastIndex((message) => answerOf(message)?.jobId !== undefined);
  let left = answer < 0 ? undefined : answerOf(messages[answer]!)?.contextMessages;
  if (left === undefined) return 0;
  for (let place = answer - 1; place >= 0; place--) if (isSent(messages[place]!) && --left <= 0) return place;
  return 0;
}
