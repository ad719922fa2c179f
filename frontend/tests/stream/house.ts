/**
 * A server made of paper: one job with a log, sent in both dialects, over a network that can be cut wherever a test
 * wants.
 */
import type { WireEvent } from "@/stream/events";

export type Logged = { id?: string; event: WireEvent };

/** How one connection goes: it sends `sends` events (absent: all), then is cut, hangs, or ends as it should. */
export type Plan = {
  sends?: number;
  then?: "cut" | "hang";
  refuse?: { status: number; code?: string; headers?: Record<string, string> };
  before?: "headers";
  again?: number;
  /** How many messages the model was given. */
  context?: number;
  /** All events in one read. */
  together?: boolean;
};

export type Call = { method: string; path: string; headers: Record<string, string>; aborted: boolean };

const encoder = new TextEncoder();

export class House {
  readonly calls: Call[] = [];
  readonly cancelled: string[] = [];
  holdPost: Promise<void> | undefined;
  view: unknown = { state: "completed", finish_reason: "stop", usage: {}, timings: {} };

  constructor(
    public log: Logged[],
    private readonly plans: Plan[] = [],
  ) {}

  /** Calls that opened a stream. */
  get streams(): Call[] {
    return this.calls.filter(({ path }) => path.endsWith("/stream") || path.endsWith("/events"));
  }

  fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const path = String(input);
    const call: Call = {
      method: init.method ?? "GET",
      path,
      headers: { ...(init.headers as Record<string, string>) },
      aborted: false,
    };
    this.calls.push(call);
    if (path.endsWith("/cancel")) return this.cancel(path);
    if (path.endsWith("/stream")) return this.post(call, init.signal);
    if (path.endsWith("/events")) return this.events(call, init.signal);
    return Response.json(this.view);
  };

  private cancel(path: string): Response {
    this.cancelled.push(path.split("/").at(-2) ?? "");
    return Response.json({ id: "j", state: "cancelled" });
  }

  private async post(call: Call, signal?: AbortSignal | null): Promise<Response> {
    const plan = this.plans.shift() ?? {};
    if (this.holdPost) await orAborted(this.holdPost, signal);
    if (plan.before === "headers") throw new TypeError("network error");
    if (plan.refuse) return refusal(plan.refuse);
    return answer(plan, [LC_OPENING, ...this.log.map(langServeFrames)], call, signal, {
      "X-Sluice-Job": "j",
      ...(plan.context === undefined ? {} : { "X-Sluice-Context-Messages": String(plan.context) }),
    });
  }

  private events(call: Call, signal?: AbortSignal | null): Promise<Response> | Response {
    const plan = this.plans.shift() ?? {};
    if (plan.before === "headers") throw new TypeError("network error");
    if (plan.refuse) return refusal(plan.refuse);
    const after = call.headers["Last-Event-ID"];
    const from = after === undefined ? 0 : this.log.findIndex(({ id }) => id === after) + 1;
    if (after !== undefined && from === 0) return refusal({ status: 409, code: "unknown_event_id" });
    if (from === this.log.length) return new Response(null, { status: 204 });
    const start = Math.max(0, from - (plan.again ?? 0));
    return answer(plan, [": sluice\n\n", ...this.log.slice(start).map(nativeFrame)], call, signal);
  }
}

const LC_OPENING = 'event: metadata\ndata: {"run_id":"j"}\n\n';

function refusal({ status, code = "refused", headers = {} }: NonNullable<Plan["refuse"]>): Response {
  return Response.json({ error: { code, message: `refused: ${code}`, request_id: "r" } }, { status, headers });
}

function answer(
  plan: Plan,
  frames: string[],
  call: Call,
  signal?: AbortSignal | null,
  headers: Record<string, string> = {},
): Response {
  const sent = plan.sends === undefined ? frames : frames.slice(0, plan.sends + 1);
  const pieces = plan.together ? [sent.join("")] : sent;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece));
      signal?.addEventListener("abort", () => {
        call.aborted = true;
        controller.error(signal.reason);
      });
      if (plan.then === undefined) controller.close();
    },
    pull(controller) {
      if (plan.then === "cut") controller.error(new TypeError("network error"));
    },
  });
  return new Response(body, { headers });
}

const idLine = (id: string | undefined) => (id === undefined ? "" : `id: ${id}\n`);

function nativeFrame({ id, event }: Logged): string {
  return `${idLine(id)}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function langServeFrames({ id, event }: Logged): string {
  if (event.type === "token") {
    const about = event.thinking ? { reasoning_content: event.thinking } : {};
    const chunk = { content: event.text ?? "", ...(event.n ? { tokens: event.n } : {}), additional_kwargs: about };
    return `${idLine(id)}event: data\ndata: ${JSON.stringify(chunk)}\n\n`;
  }
  const frame = `event: metadata\ndata: ${JSON.stringify({ run_id: "j", sluice: event })}\n\n`;
  if (event.type === "completed") return `${frame}${idLine(id)}event: end\ndata:\n\n`;
  if (event.type === "failed" || event.type === "cancelled")
    return `${frame}${idLine(id)}event: error\ndata: {"status_code":500,"code":"x","message":"x"}\n\n`;
  return idLine(id) + frame;
}

function orAborted<T>(promise: Promise<T>, signal?: AbortSignal | null): Promise<T> {
  return new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
    void promise.then(resolve, reject);
  });
}

/** A whole answer: a place in the queue, `started`, a token for each text, `completed`. */
export function logOf(...texts: string[]): Logged[] {
  return [
    { event: { type: "queued", position: 3, eta_seconds: 7 } },
    { id: "1-0", event: { type: "started", attempt: 1, worker: "w", model: "m" } },
    ...texts.map((text, n): Logged => ({ id: `1-${n + 1}`, event: { type: "token", text } })),
    { id: `1-${texts.length + 1}`, event: COMPLETED },
  ];
}

export const COMPLETED: WireEvent = {
  type: "completed",
  finish_reason: "stop",
  usage: { prompt_tokens: 4, completion_tokens: 9 },
  timings: { queued_ms: 5, first_token_ms: 30, total_ms: 90 },
  tokens_per_second: 60,
  model: "m",
};
