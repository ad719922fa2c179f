/* oxlint-disable no-await-in-loop -- a stream is read in order */
/** Parses server-sent events as the WHATWG standard does. No other module parses them. */

export type SseEvent = {
  /** "message" where the stream names none. */
  event: string;
  data: string;
  /** The id that came with this event; undefined: none came with it. */
  id?: string;
};

/** A parser: pieces of text go in, events come out, wherever the text is cut. */
export class SseParser {
  private rest = "";
  private afterCr = false; // the last piece ended in CR: a LF at the next one's start belongs to it
  private event = "";
  private data: string[] = [];
  private id: string | undefined;

  push(piece: string): SseEvent[] {
    if (piece === "") return [];
    const text = this.rest + (this.afterCr && piece.startsWith("\n") ? piece.slice(1) : piece);
    this.afterCr = piece.endsWith("\r");
    const lines = text.split(/\r\n|\r|\n/);
    this.rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.line(line));
  }

  private line(line: string): SseEvent[] {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    if (colon !== 0) this.field(colon < 0 ? line : line.slice(0, colon), colon < 0 ? "" : line.slice(colon + 1));
    return [];
  }

  private field(name: string, raw: string): void {
    const value = raw.startsWith(" ") ? raw.slice(1) : raw;
    if (name === "data") this.data.push(value);
    else if (name === "event") this.event = value;
    else if (name === "id" && !value.includes("\0")) this.id = value;
  }

  private dispatch(): SseEvent[] {
    const { event, data, id } = this;
    this.event = "";
    this.data = [];
    if (data.length === 0) return []; // an id without data belongs to the next event, as the standard demands
    this.id = undefined;
    return [{ event: event || "message", data: data.join("\n"), ...(id === undefined ? {} : { id }) }];
  }
}

/**
 * The events of a response's body; those that one read brings are yielded together. `onPiece` is called with every
 * piece, comments too.
 */
export async function* readSse(
  body: ReadableStream<Uint8Array>,
  onPiece: () => void = () => {},
): AsyncGenerator<SseEvent[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder(); // removes a BOM, and waits for the rest of a cut character
  const parser = new SseParser();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return; // an event without its blank line was cut: the standard drops it
      onPiece();
      const events = parser.push(decoder.decode(value, { stream: true }));
      if (events.length > 0) yield events;
    }
  } finally {
    reader.cancel().catch(() => {}); // the reader may have failed already
  }
}
