/* oxlint-disable no-await-in-loop -- one step follows the other */
import { describe, expect, test } from "vitest";
import { readSse, type SseEvent } from "@/stream/sse";

const CORPUS: Record<string, { stream: string; events: SseEvent[] }> = {
  LF: {
    stream: "event: token\ndata: a\n\ndata: b\n\n",
    events: [
      { event: "token", data: "a" },
      { event: "message", data: "b" },
    ],
  },
  CRLF: {
    stream: "id: 1-1\r\nevent: token\r\ndata: a\r\n\r\ndata: b\r\n\r\n",
    events: [
      { event: "token", data: "a", id: "1-1" },
      { event: "message", data: "b" },
    ],
  },
  CR: {
    stream: "data: a\r\rdata: b\r\r",
    events: [
      { event: "message", data: "a" },
      { event: "message", data: "b" },
    ],
  },
  "mixed line ends": {
    stream: "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n\n",
    events: ["a", "b", "c"].map((data) => ({ event: "message", data })),
  },
  comments: {
    stream: ": sluice\n\n: keep-alive\ndata: a\n: again\n\n:\n\n",
    events: [{ event: "message", data: "a" }],
  },
  "multi-line data": { stream: "data: a\ndata\ndata:  b\n\n", events: [{ event: "message", data: "a\n\n b" }] },
  "a byte order mark": { stream: "\uFEFFdata: a\n\n", events: [{ event: "message", data: "a" }] },
  "an id with NUL is no id": { stream: "id: 1-1\0\ndata: a\n\n", events: [{ event: "message", data: "a" }] },
  "an empty id is an id": { stream: "id\ndata: a\n\n", events: [{ event: "message", data: "a", id: "" }] },
  "an id without data waits": {
    stream: "id: 1-1\n\ndata: a\n\ndata: b\n\n",
    events: [
      { event: "message", data: "a", id: "1-1" },
      { event: "message", data: "b" },
    ],
  },
  "an event without data is none": { stream: "event: end\n\ndata: a\n\n", events: [{ event: "message", data: "a" }] },
  "empty data is data": { stream: "event: end\ndata:\n\n", events: [{ event: "end", data: "" }] },
  "unknown fields": { stream: "retry: 5\nfoo: bar\nfoo\ndata: a\n\n", events: [{ event: "message", data: "a" }] },
  "multi-byte characters": {
    stream: 'data: {"text":"Grüße 🌍 漢字"}\n\n',
    events: [{ event: "message", data: '{"text":"Grüße 🌍 漢字"}' }],
  },
  "an unfinished event is dropped": { stream: "data: a\n\ndata: b\n", events: [{ event: "message", data: "a" }] },
};

function bodyOf(...pieces: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

async function read(...pieces: Uint8Array[]): Promise<SseEvent[]> {
  const events: SseEvent[] = [];
  for await (const together of readSse(bodyOf(...pieces))) events.push(...together);
  return events;
}

describe.each(Object.entries(CORPUS))("%s", (_, { stream, events }) => {
  const bytes = new TextEncoder().encode(stream);

  test("in one piece", async () => {
    expect(await read(bytes)).toEqual(events);
  });

  test("cut at every byte", async () => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(await read(bytes.slice(0, cut), bytes.slice(cut))).toEqual(events);
    }
  });

  test("byte by byte", async () => {
    expect(await read(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(events);
  });
});

test("every piece is reported, comments too", async () => {
  let pieces = 0;
  const body = bodyOf(new TextEncoder().encode(": keep-alive\n"), new TextEncoder().encode(": keep-alive\n"));
  for await (const event of readSse(body, () => pieces++)) expect(event).toBeUndefined();
  expect(pieces).toBe(2);
});
