/**
 * Follows an answer to its end, whatever happens to the connection.
 *
 * A turn is sent by POST (LangServe's dialect). Once its stream is cut, the answer is read on from its job's log (our
 * own dialect), behind the last id that arrived. A job is followed from its log's beginning. The job itself does not
 * notice.
 *
 *     sent ──headers──► read ──cut──► reconnecting ──Last-Event-ID──► read ──end──► over
 *      └──cut before headers: sent again under the same Idempotency-Key
 *
 * 204: ended, nothing left to read · 409: unknown id, read from the start · 404: forgotten, the history has it.
 */
import { Answer, type Snapshot } from "./answer";
import { ApiError, errorOf } from "./api";
import { Connection } from "./connection";
import { langServe, native, type Received } from "./dialects";
import { endOf } from "./ended";
import { answerError, ownError } from "./errors";
import { Patience } from "./patience";
import { stopEarly, stopJob } from "./stop";
import { pause } from "./wake";
import { REAL, type World } from "./world";

/** What is followed: a turn that is still to be sent, or a job that runs. */
export type Source = { turn: Turn } | { jobId: string };
/** `key`: a second POST with the same key joins the job of the first. */
export type Turn = { key: string; body: unknown };

/** A little less than the page's pace, so that each update of the page has the tokens of one read. */
const GATHERED = { "X-Sluice-Pace": "95" };

/**
 * Whether the page stops following, and the job is to run on: assistant-ui gives the reason of an abort with the
 * signal.
 */
export const isDetach = (signal: AbortSignal): boolean =>
  (signal.reason as { detach?: boolean } | undefined)?.detach === true;

/**
 * Cumulative snapshots until the answer's end; never raises. An abort ends it at once, and cancels the job unless the
 * abort's reason is `detach`.
 */
export async function* follow(source: Source, signal: AbortSignal, world: World = REAL): AsyncGenerator<Snapshot> {
  yield* new Follower(source, signal, world).snapshots();
}

class Follower {
  private readonly answer: Answer;
  private readonly patience: Patience;
  private connection: Connection | undefined;
  private posting: Promise<Response> | undefined;
  private jobId: string | undefined;
  private after: string | undefined; // the last id that arrived
  private wish = 0; // ms that the server wants the page to wait

  constructor(
    private readonly source: Source,
    private readonly signal: AbortSignal,
    private readonly world: World,
  ) {
    this.patience = new Patience(world.random);
    this.answer = new Answer("turn" in source);
    if ("jobId" in source) this.belongsTo(source.jobId);
  }

  async *snapshots(): AsyncGenerator<Snapshot> {
    const onAbort = () => this.abort();
    this.signal.addEventListener("abort", onAbort, { once: true });
    try {
      while (!this.over) yield* this.once();
    } finally {
      this.signal.removeEventListener("abort", onAbort);
      if (!this.signal.aborted) this.connection?.close();
    }
  }

  private get over(): boolean {
    return this.answer.ended || this.signal.aborted;
  }

  /** One connection, from its opening to its end, and the pause behind it. */
  private async *once(): AsyncGenerator<Snapshot> {
    this.wish = 0;
    try {
      for await (const batch of this.connected()) {
        if (this.signal.aborted) return;
        if (this.takeAll(batch)) yield this.answer.snapshot();
        if (this.answer.ended) return;
      }
    } catch (error) {
      this.judge(error);
    }
    if (this.signal.aborted) return;
    if (this.connection?.lasted) this.patience.restored(); // this cut is a new one
    if (!this.answer.ended) this.retreat();
    yield this.answer.snapshot();
    if (!this.answer.ended) await pause(this.wish, this.signal);
  }

  private async *connected(): AsyncGenerator<Received[]> {
    const connection = (this.connection = new Connection());
    try {
      if (this.jobId === undefined) yield* this.sent(connection);
      else yield* this.joined(connection, this.jobId);
    } finally {
      if (!this.signal.aborted) connection.close(); // after an abort `abort` decides: a stop may still need the job's id
    }
  }

  private async *sent(connection: Connection): AsyncGenerator<Received[]> {
    this.posting = this.post(connection);
    const response = await or(this.posting, this.signal);
    this.posting = undefined;
    if (!response.ok) throw await errorOf(response);
    this.answer.reads(Number(response.headers.get("x-sluice-context-messages")) || undefined);
    const jobId = response.headers.get("x-sluice-job");
    if (jobId) yield [{ jobId }];
    yield* connection.receive(response, langServe());
  }

  private post(connection: Connection): Promise<Response> {
    const { key, body } = (this.source as { turn: Turn }).turn;
    return connection.open(this.world.fetch, "/api/lc/chat/stream", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "text/event-stream",
        "Idempotency-Key": key,
        "X-Sluice-Events": "1",
        ...GATHERED,
        "X-Sluice-On-Disconnect": "continue",
      },
      body: JSON.stringify(body),
    });
  }

  private async *joined(connection: Connection, jobId: string): AsyncGenerator<Received[]> {
    const response = await connection.open(this.world.fetch, `/api/jobs/${encodeURIComponent(jobId)}/events`, {
      headers: { Accept: "text/event-stream", ...GATHERED, ...(this.after ? { "Last-Event-ID": this.after } : {}) },
    });
    if (!response.ok) throw await errorOf(response);
    this.answer.joined();
    yield [{ jobId }];
    if (response.status === 204) yield [{ event: await endOf(jobId, this.world, this.signal) }];
    else yield* connection.receive(response, native);
  }

  /** True if there is something new to show. Whatever comes behind the end is ignored. */
  private takeAll(batch: Received[]): boolean {
    return batch.reduce((isNew, received) => (!this.answer.ended && this.take(received)) || isNew, false);
  }

  /** True if there is something new to show. */
  private take({ id, jobId, event, broken }: Received): boolean {
    if (jobId) this.belongsTo(jobId);
    if (broken) throw new ApiError(broken.code, broken.message, 0);
    if (id && !isBehind(id, this.after)) return false; // read before
    if (id) this.after = id;
    if (!event) return jobId !== undefined;
    this.patience.restored();
    this.answer.apply(event);
    if (event.type === "restarted" && !id) this.startOver(); // its log was lost, and another begins
    return true;
  }

  private belongsTo(jobId: string): void {
    this.jobId = jobId;
    this.answer.belongsTo(jobId);
  }

  /** Ends the answer, starts it over, or leaves it to another try. */
  private judge(error: unknown): void {
    if (this.signal.aborted || !(error instanceof ApiError)) return;
    const { code, status, retryAfter } = error;
    if (this.jobId !== undefined && status === 404) return this.answer.fail(ownError("job_forgotten"));
    if (code === "job_lost") return this.answer.fail(answerError(reported(error)));
    if (code === "unknown_event_id") return this.startOver();
    if (passes(error, this.jobId !== undefined)) this.wish = (retryAfter ?? 0) * 1000;
    else this.answer.fail(answerError(reported(error)));
  }

  private startOver(): void {
    this.after = undefined;
    this.answer.startOver();
  }

  private retreat(): void {
    const ms = this.patience.next(this.wish);
    if (ms === undefined) this.answer.fail(givenUp(this.jobId !== undefined));
    else this.answer.cut();
    this.wish = ms ?? 0;
  }

  /** The page stops following, or the user stops the job, whose id may still be on its way. */
  private abort(): void {
    const { jobId } = this;
    const stops = !isDetach(this.signal);
    if (stops && jobId === undefined) return this.abortEarly();
    this.connection?.close();
    if (stops && jobId !== undefined) void stopJob(jobId, this.world);
  }

  private abortEarly(): void {
    const post = () => this.post((this.connection = new Connection()));
    void stopEarly(this.posting, post, this.world).finally(() => this.connection?.close());
  }
}

const reported = ({ code, message, retryAfter }: ApiError) => ({
  code,
  message,
  ...(retryAfter === undefined ? {} : { retryAfter }),
});

/**
 * Whether the error may pass by itself: no answer came, a proxy answered, a process stops, or a running job was not
 * refused.
 */
function passes({ status, code }: ApiError, runs: boolean): boolean {
  if (status === 0 || status === 408 || status === 502 || status === 504 || code === "draining") return true;
  return runs && (status === 429 || status >= 500);
}

function givenUp(sent: boolean) {
  const offline = typeof navigator !== "undefined" && !navigator.onLine;
  return ownError(sent ? "connection_lost" : offline ? "offline" : "unreachable");
}

/** Whether `id` comes later than `after`. Ids are `<attempt>-<seq>`, and are ordered by both numbers. */
export function isBehind(id: string, after: string | undefined): boolean {
  if (after === undefined) return true;
  const [attempt = 0, seq = 0] = id.split("-").map(Number);
  const [lastAttempt = 0, lastSeq = 0] = after.split("-").map(Number);
  return attempt > lastAttempt || (attempt === lastAttempt && seq > lastSeq);
}

/** The promise's value, or a rejection as soon as `signal` aborts; the promise itself goes on. */
function or<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new DOMException("stopped", "AbortError"));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
