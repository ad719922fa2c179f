/* oxlint-disable no-await-in-loop -- one step follows the other */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Snapshot } from "@/stream/answer";
import { follow, type Source } from "@/stream/follow";
import { COMPLETED, House, logOf, type Logged, type Plan } from "./house";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] }));
afterEach(() => void vi.useRealTimers());

const TURN: Source = { turn: { key: "a1", body: { input: {} } } };
const JOB: Source = { jobId: "j" };

class Reading {
  readonly snapshots: Snapshot[] = [];
  done = false;
  readonly controller = new AbortController();

  constructor(house: House, source: Source = TURN) {
    void this.read(follow(source, this.controller.signal, { fetch: house.fetch, random: () => 1 }));
  }

  get last(): Snapshot {
    return this.snapshots.at(-1) as Snapshot;
  }

  async until(condition: () => boolean): Promise<this> {
    for (let n = 0; n < 1000 && !condition(); n++) await vi.advanceTimersByTimeAsync(250);
    expect(condition()).toBe(true);
    return this;
  }

  end(): Promise<this> {
    return this.until(() => this.done);
  }

  private async read(source: AsyncGenerator<Snapshot>): Promise<void> {
    for await (const snapshot of source) this.snapshots.push(snapshot);
    this.done = true;
  }
}

const texts = ["Grüße", " an", " alle", " 🌍"];
const whole = texts.join("");

describe("an answer that nothing cuts", () => {
  test("grows from the queue to its end", async () => {
    const { snapshots } = await new Reading(new House(logOf(...texts))).end();
    expect(snapshots.map(({ text }) => text).filter(Boolean)).toEqual([
      "Grüße",
      "Grüße an",
      "Grüße an alle",
      whole,
      whole,
    ]);
    expect(snapshots.map(({ meta }) => meta.phase)).toEqual(
      ["connecting", "connecting", "waiting", ...Array(5).fill("answering"), "done"].slice(-snapshots.length),
    );
    expect(snapshots.find(({ meta }) => meta.phase === "waiting")?.meta).toMatchObject({
      position: 3,
      etaSeconds: 7,
      jobId: "j",
    });
  });

  test("knows how much of its chat was read, also behind a cut", async () => {
    const { last } = await new Reading(new House(logOf(...texts), [{ context: 19, sends: 2, then: "cut" }])).end();
    expect(last).toMatchObject({ text: whole, meta: { contextMessages: 19 } });
    const all = await new Reading(new House(logOf(...texts))).end();
    expect(all.last.meta.contextMessages).toBeUndefined();
  });

  test("counts the model's tokens, of which one chunk may hold several", async () => {
    const log = logOf("one", "two three four").slice(0, -1);
    log[3] = { id: "1-2", event: { type: "token", text: "two three four", n: 3 } };
    const { last } = await new Reading(new House(log, [{ then: "cut" }])).end();
    expect(last.meta.completionTokens).toBe(4);
  });

  test("reports what it has cost", async () => {
    const { last } = await new Reading(new House(logOf(...texts))).end();
    expect(last.meta).toMatchObject({
      phase: "done",
      finishReason: "stop",
      tokensPerSecond: 60,
      firstTokenMs: 30,
      completionTokens: 9,
      totalMs: 90,
      worker: "w",
      model: "m",
    });
    expect(last.meta.position).toBeUndefined();
  });

  test("reports how long the model thought, where the thoughts arrived as they were made", async () => {
    const thought: Logged = { id: "1-1", event: { type: "token", thinking: "hm" } };
    const log = [...logOf().slice(0, 2), thought, { id: "1-2", event: { type: "token", text: "so" } } as Logged];
    log.push({ id: "1-3", event: COMPLETED });
    const live = await new Reading(new House(log)).end();
    expect(live.last).toMatchObject({ thinking: "hm", text: "so" });
    expect(live.last.meta.thinkingMs).toBeTypeOf("number");
    expect(live.snapshots.find(({ thinking }) => thinking)?.meta.thinkingMs).toBeUndefined();
    const retold = await new Reading(new House(log), JOB).end();
    expect(retold.last).toMatchObject({ thinking: "hm", meta: { thinkingMs: undefined } });
  });

  test("is sent once, under its key, and outlives the page", async () => {
    const house = new House(logOf(...texts));
    await new Reading(house).end();
    expect(house.calls).toHaveLength(1);
    expect(house.calls[0]?.headers).toMatchObject({
      "Idempotency-Key": "a1",
      "X-Sluice-Events": "1",
      "X-Sluice-On-Disconnect": "continue",
    });
  });
});

test("the events of one read are one snapshot, and none of them is missing", async () => {
  const { snapshots } = await new Reading(new House(logOf(...texts), [{ together: true }])).end();
  expect(snapshots.filter(({ text }) => text)).toHaveLength(1);
  expect(snapshots.at(-1)).toMatchObject({ text: whole, meta: { phase: "done" } });
});

test("the server is asked to gather tokens, since a read brings no more than was sent at once", async () => {
  const house = new House(logOf(...texts), [{ sends: 4, then: "cut" }]);
  await new Reading(house).end();
  expect(house.streams.map(({ headers }) => headers["X-Sluice-Pace"])).toEqual(["95", "95"]);
});

describe("an answer that is cut", () => {
  const length = logOf(...texts).length;

  test.each(Array.from({ length }, (_, sends) => sends))("behind event %i: it is whole all the same", async (sends) => {
    const house = new House(logOf(...texts), [{ sends, then: "cut" }]);
    const { last } = await new Reading(house).end();
    expect([last.text, last.meta.phase]).toEqual([whole, "done"]);
  });

  test("goes on behind the last id that arrived", async () => {
    const house = new House(logOf(...texts), [{ sends: 4, then: "cut" }]);
    const { snapshots } = await new Reading(house).end();
    expect(house.streams.map(({ path, headers }) => [path, headers["Last-Event-ID"]])).toEqual([
      ["/api/lc/chat/stream", undefined],
      ["/api/jobs/j/events", "1-2"],
    ]);
    expect(snapshots.some(({ meta, text }) => meta.phase === "reconnecting" && text === "Grüße an")).toBe(true);
  });

  test("shows an event once that arrives twice", async () => {
    const house = new House(logOf(...texts), [{ sends: 4, then: "cut" }, { again: 3 }]);
    expect((await new Reading(house).end()).last.text).toBe(whole);
  });

  test("before its headers: it is sent again under the same key", async () => {
    const house = new House(logOf(...texts), [{ before: "headers" }, { before: "headers" }]);
    expect((await new Reading(house).end()).last.text).toBe(whole);
    expect(house.streams.map(({ method, headers }) => [method, headers["Idempotency-Key"]])).toEqual(
      Array(3).fill(["POST", "a1"]),
    );
  });

  test("by silence: a silent connection is left for another", async () => {
    const house = new House(logOf(...texts), [{ sends: 3, then: "hang" }]);
    const reading = new Reading(house);
    await vi.advanceTimersByTimeAsync(24_000);
    expect(house.streams).toHaveLength(1);
    expect((await reading.end()).last.text).toBe(whole);
    expect(house.streams[0]?.aborted).toBe(true);
  });

  test("a network that is back is tried at once", async () => {
    const house = new House(logOf(...texts), [
      { sends: 3, then: "cut" },
      ...Array<Plan>(5).fill({ before: "headers" }),
    ]);
    const reading = await new Reading(house).until(() => house.streams.length === 6);
    window.dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(1);
    expect(house.streams).toHaveLength(7);
    await reading.end();
  });

  test("a tab that is looked at again leaves a silent connection at once", async () => {
    const house = new House(logOf(...texts), [{ sends: 3, then: "hang" }]);
    const reading = new Reading(house);
    await vi.advanceTimersByTimeAsync(13_000);
    document.dispatchEvent(new Event("visibilitychange"));
    await vi.advanceTimersByTimeAsync(300);
    expect(house.streams).toHaveLength(2);
    await reading.end();
  });

  test("while its job ended: the job's record has its end", async () => {
    const house = new House(logOf(...texts).slice(0, -1), [{ then: "cut" }]);
    house.view = {
      state: "completed",
      finish_reason: "length",
      usage: { completion_tokens: 3 },
      timings: { total_ms: 8 },
    };
    const { last } = await new Reading(house).end();
    expect(last).toMatchObject({ text: whole, meta: { phase: "done", finishReason: "length", completionTokens: 3 } });
  });

  test("starts over where its log no longer knows the id", async () => {
    const house = new House(logOf(...texts), [
      { sends: 4, then: "cut" },
      { refuse: { status: 409, code: "unknown_event_id" } },
    ]);
    expect((await new Reading(house).end()).last.text).toBe(whole);
    expect(house.streams.map(({ headers }) => headers["Last-Event-ID"])).toEqual([undefined, "1-2", undefined]);
  });

  test("and forgotten meanwhile refers to the history", async () => {
    const house = new House(logOf(...texts), [
      { sends: 4, then: "cut" },
      { refuse: { status: 404, code: "job_not_found" } },
    ]);
    expect((await new Reading(house).end()).last.meta).toMatchObject({
      phase: "failed",
      error: { code: "job_forgotten" },
    });
  });

  test("waits as long as a busy server wants", async () => {
    const house = new House(logOf(...texts), [
      { sends: 3, then: "cut" },
      { refuse: { status: 503, headers: { "Retry-After": "20" } } },
    ]);
    const reading = await new Reading(house).until(() => house.streams.length === 2);
    await vi.advanceTimersByTimeAsync(19_000);
    expect(house.streams).toHaveLength(2);
    expect((await reading.end()).last.text).toBe(whole);
  });

  test("for minutes is given up, and the user reads that it goes on", async () => {
    const house = new House(logOf(...texts), [
      { sends: 3, then: "cut" },
      ...Array<Plan>(200).fill({ before: "headers" }),
    ]);
    const { last } = await new Reading(house).end();
    expect(last).toMatchObject({
      text: "Grüße",
      meta: { phase: "failed", error: { code: "connection_lost", retryable: false } },
    });
    expect(house.streams.length).toBeLessThan(40);
  });
});

describe("a server from which nothing arrives", () => {
  const hanging = (signal?: AbortSignal | null) =>
    new Promise<Response>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  const silent = (signal?: AbortSignal | null) =>
    new Response(new ReadableStream({ start: (body) => signal?.addEventListener("abort", () => body.error(signal.reason)) }));
  const late = async () => {
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    return new Response("<h1>Gateway Timeout</h1>", { status: 504 });
  };

  test.each([
    ["never answers", hanging],
    ["answers and then is silent", silent],
    ["stands behind a proxy that reports it late", late],
  ])("since it %s, is given up after minutes", async (_, answer) => {
    const house = new House([]);
    house.fetch = async (_path, init) => answer(init?.signal);
    const reading = new Reading(house, JOB);
    await vi.advanceTimersByTimeAsync(240_000);
    expect((await reading.end()).last.meta).toMatchObject({ phase: "failed", error: { code: "connection_lost" } });
  });

  test("is waited for as long as it gives signs of life", async () => {
    const beat = (body: ReadableStreamDefaultController<Uint8Array>, left: number) => {
      if (left === 0) return body.error(new TypeError("network error"));
      body.enqueue(new TextEncoder().encode(": sluice\n\n"));
      setTimeout(() => beat(body, left - 1), 10_000);
    };
    const house = new House([]);
    house.fetch = async () => new Response(new ReadableStream({ start: (body) => beat(body, 4) }));
    const reading = new Reading(house, JOB);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(reading.done).toBe(false);
  });
});

test("however it is cut, the text is the log's", async () => {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 60; round++) {
    const words = Array.from({ length: 1 + random(12) }, (_, n) => `w${n} `);
    const plans = Array.from({ length: random(8) }, (): Plan =>
      random(4) === 0
        ? { before: "headers" }
        : { sends: random(6), then: random(5) === 0 ? "hang" : "cut", again: random(4) },
    );
    const { last } = await new Reading(new House(restarting(words, random), plans), random(2) ? TURN : JOB).end();
    expect([last.text, last.meta.phase]).toEqual([words.join(""), "done"]);
  }
});

/** A log whose first attempt is void now and then. */
function restarting(words: string[], random: (below: number) => number): Logged[] {
  const log = logOf(...words);
  if (random(2)) return log;
  const second = log.slice(2).map(({ id, event }): Logged => ({ id: `1001-${Number(id?.split("-")[1]) + 1}`, event }));
  return [
    ...log.slice(0, 2 + random(words.length)),
    { id: "1001-0", event: { type: "started", attempt: 1001, worker: "v", model: "m" } },
    { id: "1001-1", event: { type: "restarted" } },
    ...second,
  ];
}

describe("an answer that begins anew", () => {
  test("keeps nothing of the attempt that was lost", async () => {
    const log: Logged[] = [
      ...logOf("lost", " text").slice(0, -1),
      { id: "2-0", event: { type: "started", attempt: 2, worker: "v", model: "m" } },
      { id: "2-1", event: { type: "restarted" } },
      { id: "2-2", event: { type: "token", text: "new" } },
      { id: "2-3", event: COMPLETED },
    ];
    const { snapshots, last } = await new Reading(new House(log)).end();
    expect(last).toMatchObject({ text: "new", meta: { attempt: 2, worker: "v" } });
    expect(snapshots.some(({ text }) => text === "lost text")).toBe(true);
  });

  test("and whose log was lost is whole, though the new log has the ids of the old", async () => {
    const log: Logged[] = [
      ...logOf("lost", " text", " of before").slice(0, -1),
      { event: { type: "restarted", reason: "log_lost" } },
      ...logOf("all", " of", " it").slice(1),
    ];
    for (const source of [TURN, JOB]) {
      const { snapshots, last } = await new Reading(new House(log), source).end();
      expect(last).toMatchObject({ text: "all of it", meta: { phase: "done" } });
      expect(snapshots.some(({ text, meta }) => text === "" && meta.detail === "restarted")).toBe(true);
    }
  });

  test("is marked as such until its first word", async () => {
    const log: Logged[] = [
      ...logOf("lost").slice(0, -1),
      { event: { type: "queued", position: 1, detail: "worker_lost" } },
      { id: "2-0", event: { type: "started", attempt: 2, worker: "v", model: "m" } },
      { id: "2-1", event: { type: "restarted" } },
      { id: "2-2", event: { type: "token", text: "new" } },
      { id: "2-3", event: COMPLETED },
    ];
    const { snapshots } = await new Reading(new House(log)).end();
    const last = snapshots.map(({ text, meta }) => [meta.phase, text, meta.detail]).slice(-6);
    expect(last).toEqual([
      ["answering", "lost", undefined],
      ["waiting", "lost", "worker_lost"],
      ["answering", "lost", undefined],
      ["answering", "", "restarted"],
      ["answering", "new", undefined],
      ["done", "new", undefined],
    ]);
  });

  test("shows its text while it waits again, and the reason", async () => {
    const log: Logged[] = [
      ...logOf("half").slice(0, -1),
      { event: { type: "queued", position: 1, detail: "worker lost" } },
      { id: "2-0", event: { type: "started", attempt: 2, worker: "v", model: "m" } },
      { id: "2-1", event: { type: "token", text: " whole" } },
      { id: "2-2", event: COMPLETED },
    ];
    const { snapshots, last } = await new Reading(new House(log)).end();
    expect(snapshots.find(({ meta }) => meta.phase === "waiting" && meta.position === 1)).toMatchObject({
      text: "half",
      meta: { detail: "worker lost" },
    });
    expect(last.text).toBe("half whole");
  });
});

describe("a job that runs", () => {
  test("is followed from its log's beginning", async () => {
    const house = new House(logOf(...texts));
    expect((await new Reading(house, JOB).end()).last.text).toBe(whole);
    expect(house.calls.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /api/jobs/j/events"]);
  });

  test("that failed explains what to do", async () => {
    const log: Logged[] = [{ id: "1-0", event: { type: "failed", code: "model_not_found", message: "no such model" } }];
    expect((await new Reading(new House(log), JOB).end()).last.meta.error).toMatchObject({
      code: "model_not_found",
      message: expect.stringContaining("Choose another model"),
      retryable: false,
    });
  });

  test("that was cancelled elsewhere is over", async () => {
    const log: Logged[] = [...logOf("half").slice(0, -1), { id: "1-2", event: { type: "cancelled" } }];
    expect((await new Reading(new House(log), JOB).end()).last).toMatchObject({
      text: "half",
      meta: { phase: "cancelled" },
    });
  });
});

describe("a refusal", () => {
  test("contains how long to wait", async () => {
    const house = new House([], [{ refuse: { status: 429, code: "queue_full", headers: { "Retry-After": "12" } } }]);
    expect((await new Reading(house).end()).last.meta.error).toEqual({
      code: "queue_full",
      message: "The queue is full. Try again in 12 seconds.",
      retryable: true,
      retryAfterSeconds: 12,
    });
  });

  test("by a process that stops is sent to another", async () => {
    const house = new House(logOf(...texts), [{ refuse: { status: 503, code: "draining" } }]);
    expect((await new Reading(house).end()).last.text).toBe(whole);
  });

  test("without a network states that nothing was sent", async () => {
    const house = new House([], Array<Plan>(200).fill({ before: "headers" }));
    expect((await new Reading(house).end()).last.meta.error).toMatchObject({ code: "unreachable", retryable: true });
  });
});

describe("stop", () => {
  const stop = (reading: Reading, detach: boolean) =>
    reading.controller.abort(Object.assign(new Error("stop"), { detach }));

  test("cancels the job, and ends at once", async () => {
    const house = new House(logOf(...texts), [{ sends: 3, then: "hang" }]);
    const reading = await new Reading(house).until(() => house.calls.length === 1);
    stop(reading, false);
    await vi.advanceTimersByTimeAsync(0);
    expect([reading.done, house.cancelled, house.streams[0]?.aborted]).toEqual([true, ["j"], true]);
  });

  test("before the job's id is known waits for it, then cancels", async () => {
    const house = new House(logOf(...texts), [{ then: "hang" }]);
    let letGo = () => {};
    house.holdPost = new Promise((resolve) => (letGo = resolve));
    const reading = await new Reading(house).until(() => house.calls.length === 1);
    stop(reading, false);
    await vi.advanceTimersByTimeAsync(0);
    expect([reading.done, house.cancelled]).toEqual([true, []]);
    letGo();
    await vi.advanceTimersByTimeAsync(10);
    expect(house.cancelled).toEqual(["j"]);
  });

  test("while the message is sent a second time finds the job under the same key", async () => {
    const house = new House(logOf(...texts), [{ before: "headers" }]);
    const reading = new Reading(house);
    await vi.advanceTimersByTimeAsync(10);
    stop(reading, false);
    await vi.advanceTimersByTimeAsync(1000);
    expect([house.cancelled, house.streams.map(({ headers }) => headers["Idempotency-Key"])]).toEqual([
      ["j"],
      ["a1", "a1"],
    ]);
  });

  test("of following, by a page that is left, cancels nothing", async () => {
    const house = new House(logOf(...texts), [{ sends: 3, then: "hang" }]);
    const reading = await new Reading(house).until(() => house.calls.length === 1);
    stop(reading, true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([reading.done, house.cancelled, house.calls.length]).toEqual([true, [], 1]);
  });
});

test("thoughts are kept apart from the text", async () => {
  const log: Logged[] = [
    { id: "1-0", event: { type: "started", attempt: 1, worker: "w", model: "m" } },
    { id: "1-1", event: { type: "token", thinking: "hm" } },
    { id: "1-2", event: { type: "token", text: "yes" } },
    { id: "1-3", event: COMPLETED },
  ];
  for (const source of [TURN, JOB])
    expect((await new Reading(new House(log), source).end()).last).toMatchObject({ text: "yes", thinking: "hm" });
});
