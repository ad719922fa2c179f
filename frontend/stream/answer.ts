/** An answer as it grows: events go in, cumulative snapshots come out. It opens no connection. */
import type { AnswerError, AnswerMeta, Phase } from "./answer-meta";
import { answerError } from "./errors";
import type { Completed, Queued, Started, Timings, Token, Usage, WireEvent } from "./events";

export type ToolCall = { id: string; name: string; args: Record<string, unknown> };

/** Everything of an answer so far. A snapshot whose `meta.phase` is done, failed or cancelled is the last. */
export type Snapshot = { text: string; thinking: string; toolCalls: readonly ToolCall[]; meta: AnswerMeta };

const ENOUGH_TO_MEASURE_MS = 500; // a speed over less time measures the network and not the model

export class Answer {
  private text = "";
  private thinking = "";
  private toolCalls: ToolCall[] = [];
  private meta: AnswerMeta = { phase: "connecting" };
  private before: Phase = "connecting"; // while the phase is "reconnecting"
  private tokens = 0;
  private firstTokenAt: number | undefined;
  private thoughtAt: number | undefined; // when the first thought came
  private readonly beganAt = performance.now();

  /**
   * `live`: tokens arrive as they are made. Tokens that are read from a log arrive at once, so nothing is measured by
   * them.
   */
  constructor(private live = true) {}

  snapshot(): Snapshot {
    return { text: this.text, thinking: this.thinking, toolCalls: this.toolCalls, meta: this.meta };
  }

  get ended(): boolean {
    return ["done", "failed", "cancelled"].includes(this.meta.phase);
  }

  get empty(): boolean {
    return this.text === "" && this.thinking === "" && this.toolCalls.length === 0;
  }

  /** The answer's job is known. */
  belongsTo(jobId: string): void {
    if (this.meta.jobId !== jobId) this.change({ jobId });
  }

  /** How many messages the answer's model was given; undefined: all of them. */
  reads(contextMessages: number | undefined): void {
    this.change({ contextMessages });
  }

  cut(): void {
    if (this.meta.phase !== "reconnecting") this.before = this.meta.phase;
    this.change({ phase: "reconnecting" });
  }

  /** The connection is back: the phase is that from before the cut, until an event changes it. */
  joined(): void {
    if (this.meta.phase === "reconnecting") this.change({ phase: this.before });
  }

  fail(error: AnswerError): void {
    this.end("failed", { error });
  }

  /** The answer is read once more, from the beginning of its log. */
  startOver(): void {
    this.live = false;
    this.void();
  }

  private void(): void {
    this.text = this.thinking = "";
    this.toolCalls = [];
    this.tokens = 0;
    this.firstTokenAt = this.thoughtAt = undefined;
    this.change({ ...NOT_MEASURED });
  }

  apply(event: WireEvent): void {
    this.joined();
    if (event.type === "token") this.addToken(event);
    else if (event.type === "queued") this.wait(event);
    else if (event.type === "started") this.start(event);
    else if (event.type === "restarted") this.restart();
    else if (event.type === "completed") this.complete(event);
    else if (event.type === "failed") this.fail(answerError(event));
    else if (event.type === "cancelled") this.end("cancelled", {});
  }

  private wait({ position, eta_seconds, reason = "waiting", detail }: Queued): void {
    if (position === 0 && reason === "waiting") return; // the job runs: there is nothing to wait for
    this.change({ phase: reason, position: position || undefined, etaSeconds: eta_seconds, detail });
  }

  private start({ worker, model, attempt }: Started): void {
    this.change({ ...NOT_WAITING, phase: "answering", worker, model, attempt });
  }

  /** `detail` is "restarted" until the next token. */
  private restart(): void {
    const lost = !this.empty;
    this.void();
    this.change({ detail: lost ? "restarted" : this.meta.detail });
  }

  private addToken({ text = "", thinking = "", tool_calls = [], n = 1 }: Token): void {
    const now = performance.now();
    this.firstTokenAt ??= now;
    if (thinking) this.thoughtAt ??= now;
    this.tokens += n;
    this.text += text;
    this.thinking += thinking;
    if (tool_calls.length > 0) this.toolCalls = [...this.toolCalls, ...tool_calls.map(toolCall)];
    this.change({
      ...NOT_WAITING,
      phase: "answering",
      firstTokenMs: this.meta.firstTokenMs ?? Math.round(this.firstTokenAt - this.beganAt),
      completionTokens: this.tokens,
      tokensPerSecond: this.speed(now),
      thinkingMs: this.meta.thinkingMs ?? this.thinkingMs(text, now),
    });
  }

  /** Milliseconds from the first thought to the first word; undefined while the model thinks. */
  private thinkingMs(text: string, now: number): number | undefined {
    return this.live && text && this.thoughtAt !== undefined ? Math.round(now - this.thoughtAt) : undefined;
  }

  private speed(now: number): number | undefined {
    const ms = now - (this.firstTokenAt ?? now);
    return ms < ENOUGH_TO_MEASURE_MS ? undefined : (this.tokens * 1000) / ms;
  }

  private complete({ finish_reason, usage, timings, tokens_per_second, model }: Completed): void {
    const measured = { firstTokenMs: this.meta.firstTokenMs, totalMs: Math.round(performance.now() - this.beganAt) };
    this.end("done", {
      ...measured,
      ...known(costOf(usage, timings)),
      finishReason: finish_reason,
      tokensPerSecond: tokens_per_second || this.meta.tokensPerSecond,
      model: model || this.meta.model,
    });
  }

  private end(phase: Phase, more: Partial<AnswerMeta>): void {
    this.change({ ...NOT_WAITING, ...more, phase });
  }

  /** Makes a new object, because earlier snapshots hold the old one. */
  private change(more: Partial<AnswerMeta>): void {
    this.meta = { ...this.meta, ...more };
  }
}

/**
 * What an answer has cost, from its engine's report or from the history. A number that the engine does not report is 0
 * on the wire.
 */
export const costOf = (usage?: Usage | null, timings?: Timings | null): Partial<AnswerMeta> => ({
  queuedMs: timings?.queued_ms,
  loadMs: timings?.load_ms || undefined,
  promptMs: timings?.prompt_ms || undefined,
  firstTokenMs: timings?.first_token_ms,
  generateMs: timings?.generate_ms || undefined,
  thinkingMs: timings?.thinking_ms || undefined,
  totalMs: timings?.total_ms,
  promptTokens: usage?.prompt_tokens || undefined,
  completionTokens: usage?.completion_tokens || undefined,
});

const known = (meta: Partial<AnswerMeta>): Partial<AnswerMeta> =>
  Object.fromEntries(Object.entries(meta).filter(([, value]) => value !== undefined));

const NOT_MEASURED = {
  tokensPerSecond: undefined,
  completionTokens: undefined,
  firstTokenMs: undefined,
  thinkingMs: undefined,
} satisfies Partial<AnswerMeta>;

const NOT_WAITING = { position: undefined, etaSeconds: undefined, detail: undefined } satisfies Partial<AnswerMeta>;

/** A tool call in the engine's form (`function`), or in LangChain's. */
function toolCall(call: Record<string, unknown>, place: number): ToolCall {
  const fields = (call.function ?? call) as { name?: string; args?: unknown; arguments?: unknown };
  return {
    id: String(call.id ?? `call-${place}`),
    name: fields.name ?? "",
    args: (fields.arguments ?? fields.args ?? {}) as ToolCall["args"],
  };
}
