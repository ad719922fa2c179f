/**
 * What of a conversation is sent with a turn. Every turn carries the whole conversation with its images, so that one
 * with many images would soon be larger than what the server accepts, and stay so. Therefore the oldest images are left
 * out.
 */
import type { LangChainMessage } from "./convert";
import type { Limits } from "./limits";

const ENVELOPE = 32 * 1024; // bytes: settings, ids, and the commas between messages
const MOST = 1_000; // messages: the server refuses a request with twice as many
const encoder = new TextEncoder();

/** `leftOut`: how many images the model would have seen if there had been room. */
export type Fitted = { messages: LangChainMessage[]; leftOut: number };

/**
 * The messages with the latest of their images, as many as fit. The last message keeps all of its images, because the
 * question is about them. Images before the server's window, which no model would see, are left out and not counted.
 */
export function fitted(all: readonly LangChainMessage[], limits: Limits): Fitted {
  const kept = shortened(all, limits);
  const first = firstWithImages(kept, limits);
  const seen = Math.max(0, kept.length - limits.messages);
  return {
    messages: kept.map((message, place) => (place < first ? withoutImages(message) : message)),
    leftOut: sum(kept.slice(seen, Math.max(seen, first)).map((message) => urlsOf(message).length)),
  };
}

/**
 * The system prompt and the latest other messages: all of them, unless their words alone are more than the server
 * accepts.
 */
function shortened(all: readonly LangChainMessage[], { messages, bytes }: Limits): LangChainMessage[] {
  const most = Number.isFinite(messages) ? Math.max(messages, MOST) : MOST;
  const system = all.filter(({ type }) => type === "system");
  const others = all.filter(({ type }) => type !== "system");
  const room = bytes - ENVELOPE - sum(system.map(wordBytes));
  return [...system, ...others.slice(Math.max(others.length - most, earliest(others, wordBytes, room)))];
}

/** The place from which on images fit and are in the server's window. */
function firstWithImages(kept: readonly LangChainMessage[], { messages, bytes }: Limits): number {
  const room = bytes - ENVELOPE - sum(kept.map(wordBytes));
  return Math.max(kept.length - messages, earliest(kept, imageBytes, room));
}

/** The earliest place from which on all messages fit into `room`; the last one always does. */
function earliest(kept: readonly LangChainMessage[], size: (message: LangChainMessage) => number, room: number): number {
  let left = room;
  for (let place = kept.length - 1; place >= 0; place--) {
    left -= size(kept[place]!);
    if (left < 0) return Math.min(place + 1, kept.length - 1);
  }
  return 0;
}

function withoutImages(message: LangChainMessage): LangChainMessage {
  const images = urlsOf(message).length;
  if (images === 0 || typeof message.content === "string") return message;
  const words = message.content.flatMap((block) => (block.type === "text" ? [block.text] : []));
  return { ...message, content: [...words, images === 1 ? "[an image]" : `[${images} images]`].join("\n") };
}

const urlsOf = ({ content }: LangChainMessage): string[] =>
  typeof content === "string" ? [] : content.flatMap((block) => (block.type === "text" ? [] : [block.image_url.url]));

const imageBytes = (message: LangChainMessage): number => sum(urlsOf(message).map(({ length }) => length)); // all ASCII

const wordBytes = (message: LangChainMessage): number =>
  encoder.encode(JSON.stringify(message, (key, value: unknown) => (key === "url" ? "" : value))).length;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
