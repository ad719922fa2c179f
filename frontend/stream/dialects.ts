/** Reads both dialects of an answer's stream, LangServe's and our own, as the wire's events. */
import type { Completed, Token, WireEvent } from "./events";
import { readSse, type SseEvent } from "./sse";

/** What one frame of a stream brings: an event of the job, or why the stream (not the job) cannot go on. */
export type Received = { id?: string; jobId?: string; event?: WireEvent; broken?: { code: string; message: string } };

export type Dialect = (frame: SseEvent) => Received;

/**
 * What a body's frames bring, read in a dialect; frames that arrive together are yielded together. `onPiece` is called
 * with every piece of the body. Ends with the body. Raises the network's errors, and SyntaxError for a frame that is
 * not JSON.
 */
export async function* receive(
  body: ReadableStream<Uint8Array>,
  dialect: Dialect,
  onPiece: () => void,
): AsyncGenerator<Received[]> {
  const read = (frame: SseEvent): Received => ({ ...dialect(frame), ...(frame.id ? { id: frame.id } : {}) });
  for await (const frames of readSse(body, onPiece)) yield frames.map(read);
}

const KNOWN = new Set(["queued", "started", "token", "restarted", "completed", "failed", "cancelled"]);

/** `/api/jobs/{id}/events`: every event under its own name. */
export function native({ event, data }: SseEvent): Received {
  if (KNOWN.has(event)) return { event: JSON.parse(data) as WireEvent };
  if (event === "error") return { broken: (JSON.parse(data) as { error: { code: string; message: string } }).error };
  return {}; // an event that is newer than this page
}

/** `/api/lc/chat/stream` with `X-Sluice-Events: 1`. Make one for each stream: it remembers what the answer has cost. */
export function langServe(): Dialect {
  let cost: Completed | undefined;
  return ({ event, data, id }) => {
    if (event === "metadata") return metadata(data);
    if (event === "end") return { event: cost ?? UNKNOWN_COST };
    if (event === "error") return failure(data, id);
    if (event !== "data") return {};
    const chunk = JSON.parse(data) as Chunk;
    cost = costOf(chunk) ?? cost;
    return { event: tokenOf(chunk) };
  };
}

type Chunk = {
  content?: string;
  /** How many tokens of the model the chunk holds; absent: one. */
  tokens?: number;
  additional_kwargs?: { reasoning_content?: string };
  tool_calls?: Record<string, unknown>[];
  usage_metadata?: { input_tokens: number; output_tokens: number } | null;
  response_metadata?: { done_reason?: string; model_name?: string; total_duration?: number; eval_duration?: number };
};

const UNKNOWN_COST: Completed = { type: "completed", finish_reason: "stop", usage: {}, timings: {} };
const MS = 1e6; // nanoseconds

function metadata(data: string): Received {
  const { run_id, sluice } = JSON.parse(data) as { run_id: string; sluice?: WireEvent };
  return { jobId: run_id, ...(sluice && KNOWN.has(sluice.type) ? { event: sluice } : {}) };
}

function tokenOf({ content, tokens = 1, additional_kwargs, tool_calls }: Chunk): Token | undefined {
  const thinking = additional_kwargs?.reasoning_content;
  if (!content && !thinking && !tool_calls?.length) return undefined;
  return { type: "token", text: content ?? "", thinking: thinking ?? "", tool_calls: tool_calls ?? [], n: tokens };
}

/** The cost stands in LangChain's last chunk but one, for servers that do not send `completed`. */
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

/** An error with an id is the job's end, which stands in its log; without an id only this stream broke. */
function failure(data: string, id: string | undefined): Received {
  const { code, message, status_code } = JSON.parse(data) as { code: string; message: string; status_code: number };
  if (id === undefined) return { broken: { code, message } };
  if (code === "cancelled") return { event: { type: "cancelled" } };
  return { event: { type: "failed", code, message, retryable: status_code >= 500 } };
}
