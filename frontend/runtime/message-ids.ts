/**
 * A message's two ids. assistant-ui makes ids of its own (7 letters, unique only within a thread), the server knows
 * UUIDs; a loaded message has the same id on both sides.
 */
import { newId } from "@/lib/ids";
import { changeState, stateOf } from "./thread-state";

/** The server's id of a message; a message that has none yet gets one. */
export function serverId(threadId: string, local: string): string {
  const { server, stored } = stateOf(threadId).ids;
  if (stored.has(local)) return local;
  const known = server.get(local);
  if (known) return known;
  const id = newId();
  alias(threadId, local, id);
  return id;
}

/** The page's message `local` is the server's `server`. */
export function alias(threadId: string, local: string, server: string): void {
  changeState(threadId, ({ ids }) => ({
    ids: { ...ids, server: new Map(ids.server).set(local, server), local: new Map(ids.local).set(server, local) },
  }));
}

/** The page's id of a message of the server, which finds it on the screen. */
export const localId = (threadId: string, server: string): string => stateOf(threadId).ids.local.get(server) ?? server;

/** The server has these messages: others may follow them. */
export function markStored(threadId: string, ids: readonly string[]): void {
  changeState(threadId, (state) => {
    const { stored } = state.ids;
    return ids.every((id) => stored.has(id)) ? {} : { ids: { ...state.ids, stored: new Set([...stored, ...ids]) } };
  });
}

/**
 * The nearest of these messages (the newest last) that the server has; null: it has none, so the next message is the
 * first.
 */
export const storedParent = (threadId: string, locals: readonly string[]): string | null =>
  locals.map((local) => serverId(threadId, local)).findLast((id) => isStored(threadId, id)) ?? null;

export const isStored = (threadId: string, server: string): boolean => stateOf(threadId).ids.stored.has(server);
