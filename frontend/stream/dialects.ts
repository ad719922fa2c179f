/** Both dialects of an answer's stream, LangServe's and our own, as the wire's events. */
import type { Completed, Token, WireEvent } from "./events";
import { readSse, type SseEvent } from "./sse";

/** One thing told by a stream: an event of the job, or why the stream (not the job) cannot go on. */
export type Heard = { id?: string; jobId?: string; event?: WireEvent; broken?: { code: string; message: string } };

export type Dialect = (frame: SseEvent) => Heard;

/**
 * Frames of a body in a dialect, as they came together: at least one. Ends with the body; raises what the network raises,
 * and for what is no JSON.
 */
export async function* hear(
  body: ReadableStream<Uint8Array>,
  dialect: Dialect,
  heard: () => void,
): AsyncGenerator<Heard[]> {
  const told = (frame: SseEvent): Heard => ({ ...dialect(frame), ...(frame.id ? { id: frame.id } : {}) });
  for await (const frames of readSse(body, heard)) yield frames.map(told);
}

const KNOWN = new Set(["queued", "started", "token", "restarted", "completed", "failed", "cancelled"]);

/** `/api/jobs/{id}/events`: every event under its own name. */
export function native({ event, data }: SseEvent): Heard {
  if (KNOWN.has(event)) return { event: JSON.parse(data) as WireEvent };
  if (event === "error") return { broken: (JSON.parse(data) as { error: { code: string; message: string } }).error };
  return {}; // newer than this page
}

/** `/api/lc/chat/stream` with `X-Sluice-Events: 1`. One instance a stream: it adds up what an answer has cost. */
export function langServe(): Dialect {
  let cost: Completed | undefined;
  return ({ event, data, id }) => {
    if (event === "metadata") return metadata(data);
    if (event === "end") return { event: cost ?? UNTOLD };
    if (event === "error") return failure(data, id);
    if (event !== "data") return {};
    const chunk = JSON.parse(data) as Chunk;
    cost = costOf(chunk) ?? cost;
    return { event: tokenOf(chunk) };
  };
}

type Chunk = {
  content?: string;
  /** Of the model, where they are several. */
  tokens?: number;
  additional_kwargs?: { reasoning_content?: string };
  tool_calls?: Record<string, unknown>[];
  usage_metadata?: { input_tokens: number; output_tokens: number } | null;
  response_metadata?: { done_reason?: string; model_name?: string; total_duration?: number; eval_duration?: number };
};

const UNTOLD: Completed = { type: "completed", finish_reason: "stop", usage: {}, timings: {} };
const MS = 1e6; // nanoseconds

function metadata(data: string): Heard {
  const { run_id, sluice } = JSON.parse(data) as { run_id: string; sluice?: WireEvent };
  return { jobId: run_id, ...(sluice && KNOWN.has(sluice.type) ? { event: sluice } : {}) };
}

function tokenOf({ content, tokens = 1, additional_kwargs, tool_calls }: Chunk): Token | undefined {
  const thinking = additional_kwargs?.reasoning_content;
  if (!content && !thinking && !tool_calls?.length) return undefined;
  return { type: "token", text: content ?? "", thinking: thinking ?? "", tool_calls: tool_calls ?? [], n: tokens };
}

/** LangChain's last but one chunk tells it, for servers that do not tell `completed`. */
function costOf({ usage_metadata: usage, response_metadata: about }: Chunk): Completed | undefined {
  if (!usage) return undefined;
  const seconds = (about?.eval_duration ?? 0) / MS / 1000;
  return {
    type: "completed",
    finish_reason: about?.done_reason ?? "stop",
    usage: { prompt_tokens: usage.input_tokens, completion_tokens: usage.output_tokens },
    timings: about?.total_duration ? { total_ms: Math.round(about.total_duration / MS) } : {},
    ...(seconds > 0 ? { tokens_per_second: usage.output_tokens / seconds } : {}),
    ...(about?.model_name ? { model: about.model_name } : {}),
  };
}

/** With an id it is the job's end, which lies in its log; without, only this stream broke. */
function failure(data: string, id: string | undefined): Heard {
  const { code, message, status_code } = JSON.parse(data) as { code: string; message: string; status_code: number };
  if (id === undefined) return { broken: { code, message } };
  if (code === "cancelled") return { event: { type: "cancelled" } };
  return { event: { type: "failed", code, message, retryable: status_code >= 500 } };
}
