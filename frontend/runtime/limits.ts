/** What the server accepts in one request, as it reports with its models. */
import { createStore } from "@/lib/store";

/** `messages`: how many of a conversation's last messages reach a model. `bytes`: the size of one request. */
export type Limits = { messages: number; bytes: number };

/** Until the server has reported them, or where it does not: its default size of a body, and every message. */
const USUAL: Limits = { messages: Number.POSITIVE_INFINITY, bytes: 8 * 1024 * 1024 };

export const limits = createStore<Limits>(USUAL);

/** The bytes that may be attached to one message: a quarter is left for the messages before it. */
export const attachmentsMax = ({ bytes }: Limits): number => Math.floor((bytes * 3) / 4);
