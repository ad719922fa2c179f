/** The request of one turn: what the model is to read, and where question and answer belong in the thread. */
import type { ChatModelRunOptions } from "@assistant-ui/react";
import type { ThreadSettings } from "@/stream/api";
import type { Turn } from "@/stream/follow";
import { answerIdOf } from "./assistant-ui";
import { toLangChain } from "./convert";
import { fitted } from "./fitting";
import { limits } from "./limits";
import { alias, isStored, serverId, storedParent } from "./message-ids";

export type TurnIds = { messageId: string; answerId: string };

export function turnOf(
  threadId: string,
  options: ChatModelRunOptions,
  settings: ThreadSettings,
): { turn: Turn; ids: TurnIds; leftOut: number } {
  const locals = options.messages.map(({ id }) => id);
  const last = locals.pop();
  if (last === undefined) throw new Error("A turn needs a message");
  adopt(threadId, options);
  const ids = { messageId: serverId(threadId, last), answerId: serverId(threadId, answerIdOf(options)) };
  const { model, think, system, options: given } = settings;
  const configurable = {
    ...compact({ ...given, model, reasoning: think }),
    thread_id: threadId,
    parent_id: storedParent(threadId, locals),
    message_id: ids.messageId,
    answer_id: ids.answerId,
  };
  const { messages, leftOut } = fitted(toLangChain(options.messages, system), limits.get());
  return { turn: { key: ids.answerId, body: { input: { messages }, config: { configurable } } }, ids, leftOut };
}

/**
 * A message that waited, and its first answer, keep the ids that they got then, because another tab may send them, too.
 */
function adopt(threadId: string, options: ChatModelRunOptions): void {
  const last = options.messages.at(-1);
  const ids = last?.metadata.custom.ids as TurnIds | undefined;
  if (!last || !ids) return;
  alias(threadId, last.id, ids.messageId);
  if (!isStored(threadId, ids.answerId)) alias(threadId, answerIdOf(options), ids.answerId);
}

/** The fields without those that are left to the pool's default. */
function compact(fields: Record<string, unknown>): Record<string, unknown> {
  const isChosen = ([, value]: [string, unknown]) =>
    value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(fields).filter(isChosen));
}
