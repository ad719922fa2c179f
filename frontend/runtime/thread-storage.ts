/**
 * What the browser's storage keeps of threads. Every key and every entry that names a thread is made here, so that
 * `forgetStored` leaves none of them.
 */
import { load, save } from "@/lib/storage";

/**
 * `draft`: text that is typed and not sent, for every tab. `unsent`: a message that the server has not stored, for this
 * tab.
 */
const PLACES = { draft: "localStorage", unsent: "sessionStorage" } as const;
export type StoredField = keyof typeof PLACES;

/**
 * `text`: the words and the files. `images`: data URLs. `id` and `answerId`: the server's ids of the message and its
 * answer.
 */
export type PendingMessage = { id: string; answerId: string; text: string; images: string[] };

/** Messages that wait in one thread. `behind`: the answer after which this browser sent a message last. */
export type Queue = { items: readonly PendingMessage[]; behind?: string };
export type Queues = Readonly<Record<string, Queue>>;

export const QUEUES_KEY = "waiting";

const keyOf = (field: StoredField, threadId: string) => `${field}.${threadId}`;

export const loadField = <T>(field: StoredField, threadId: string, fallback: T): T => load(keyOf(field, threadId), fallback, PLACES[field]);

/** Undefined removes the field. */
export const saveField = (field: StoredField, threadId: string, value: unknown): boolean => save(keyOf(field, threadId), value, PLACES[field]);

/** The queues of all threads, as every tab of this browser has them. */
export const loadQueues = (): Queues => load<Queues>(QUEUES_KEY, {});

/** False: the storage has no room for them. */
export const saveQueues = (queues: Queues): boolean => save(QUEUES_KEY, queues);

export function forgetStored(threadId: string): void {
  for (const field of Object.keys(PLACES) as StoredField[]) saveField(field, threadId, undefined);
  const { [threadId]: forgotten, ...others } = loadQueues();
  if (forgotten) saveQueues(others);
}
