/**
 * The page's names of messages and the server's. assistant-ui names what it makes itself (7 letters, unique only within
 * a thread), the server knows UUIDs; loaded messages have the same name on both sides.
 */
import { newId } from "@/lib/ids";

type Names = { server: Map<string, string>; local: Map<string, string>; stored: Set<string> };

const threads = new Map<string, Names>();

function namesOf(threadId: string): Names {
  let names = threads.get(threadId);
  if (!names) threads.set(threadId, (names = { server: new Map(), local: new Map(), stored: new Set() }));
  return names;
}

/** The server's name of a message; one that has none yet gets it. */
export function serverId(threadId: string, local: string): string {
  const { server, stored } = namesOf(threadId);
  if (stored.has(local)) return local;
  const known = server.get(local);
  if (known) return known;
  const id = newId();
  alias(threadId, local, id);
  return id;
}

/** The page's message `local` is the server's `server`. */
export function alias(threadId: string, local: string, server: string): void {
  const names = namesOf(threadId);
  names.server.set(local, server);
  names.local.set(server, local);
}

/** How the page calls a message of the server's, to find it on the screen. */
export const localId = (threadId: string, server: string): string => namesOf(threadId).local.get(server) ?? server;

/** The server has these messages: others may follow them. */
export function markStored(threadId: string, ids: Iterable<string>): void {
  const { stored } = namesOf(threadId);
  for (const id of ids) stored.add(id);
}

/** The nearest of these messages (the newest last) that the server has; null: none, the next one is the first. */
export function storedParent(threadId: string, locals: readonly string[]): string | null {
  const { stored } = namesOf(threadId);
  return locals.map((local) => serverId(threadId, local)).findLast((id) => stored.has(id)) ?? null;
}

export const isStored = (threadId: string, server: string): boolean => namesOf(threadId).stored.has(server);
