/** What the server takes at once, as it tells with its models. */
import { createStore } from "@/lib/store";

/** `messages`: so many of a conversation's last reach a model. `bytes`: of one request. */
export type Limits = { messages: number; bytes: number };

/** Until it has told, or where it does not: its usual body, and every message. */
const USUAL: Limits = { messages: Number.POSITIVE_INFINITY, bytes: 8 * 1024 * 1024 };

export const limits = createStore<Limits>(USUAL);

/** Bytes of what is attached to one message: a quarter is left to what was said before it. */
export const attachmentsMax = ({ bytes }: Limits): number => Math.floor((bytes * 3) / 4);
