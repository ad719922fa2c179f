/**
 * What of a conversation goes along with a turn. Every turn carries the whole conversation, and its images with it: one
 * with many would outgrow what the server takes, for good. So the oldest images stay behind.
 */
import type { LangChainMessage } from "./convert";
import type { Limits } from "./limits";

const ENVELOPE = 32 * 1024; // bytes: settings, names, and the commas between messages
const MOST = 1_000; // messages: the server refuses a request with twice as many
const encoder = new TextEncoder();

/** `leftOut`: images that the model would have seen, had there been room. */
export type Fitted = { messages: LangChainMessage[]; leftOut: number };

/**
 * The messages with the latest of their images, as far as they fit; the last keeps all of its own, for they are what is
 * asked about. Images beyond the server's window, which no model would see, stay behind unsaid.
 */
export function fitted(all: readonly LangChainMessage[], limits: Limits): Fitted {
  const said = shortened(all, limits);
  const first = firstWithImages(said, limits);
  const seen = Math.max(0, said.length - limits.messages);
  return {
    messages: said.map((message, place) => (place < first ? withoutImages(message) : message)),
    leftOut: sum(said.slice(seen, Math.max(seen, first)).map((message) => urlsOf(message).length)),
  };
}

/** The system prompt and the latest others: all of them, but where words alone are more than the server takes. */
function shortened(all: readonly LangChainMessage[], { messages, bytes }: Limits): LangChainMessage[] {
  const most = Number.isFinite(messages) ? Math.max(messages, MOST) : MOST;
  const system = all.filter(({ type }) => type === "system");
  const others = all.filter(({ type }) => type !== "system");
  const room = bytes - ENVELOPE - sum(system.map(wordBytes));
  return [...system, ...others.slice(Math.max(others.length - most, earliest(others, wordBytes, room)))];
}

/** Images from this place on fit, and the server's window has them. */
function firstWithImages(said: readonly LangChainMessage[], { messages, bytes }: Limits): number {
  const room = bytes - ENVELOPE - sum(said.map(wordBytes));
  return Math.max(said.length - messages, earliest(said, imageBytes, room));
}

/** The earliest place from which on all fit into `room`; the last one always does. */
function earliest(said: readonly LangChainMessage[], size: (message: LangChainMessage) => number, room: number): number {
  let left = room;
  for (let place = said.length - 1; place >= 0; place--) {
    left -= size(said[place]!);
    if (left < 0) return Math.min(place + 1, said.length - 1);
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

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
