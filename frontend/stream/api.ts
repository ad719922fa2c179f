/** The typed client of the API beside this page: same origin, one error class. */
import type { Timings, Usage } from "./events";

export type Thinking = boolean | "low" | "medium" | "high" | null;

/** A thread's own settings; null or absent: the pool's default. */
export type ThreadSettings = {
  model?: string | null;
  /** The system prompt. */
  system?: string | null;
  think?: Thinking;
  options?: ModelOptions;
};

export type ModelOptions = {
  temperature?: number;
  top_p?: number;
  top_k?: number;
  num_predict?: number;
  num_ctx?: number;
  seed?: number;
  stop?: string[];
};

export type Thread = {
  id: string;
  title: string | null;
  archived: boolean;
  created_at: string;
  updated_at: string;
  settings: ThreadSettings;
  /** The newest job that runs in the thread; null: none runs. */
  job: { id: string; answer_id: string } | null;
};

export type Rating = "up" | "down";

export type StoredMessage = {
  id: string;
  parent_id: string | null;
  role: "user" | "assistant";
  text: string;
  thinking: string | null;
  images: { mime: string; data: string }[];
  status: "running" | "complete" | "failed" | "cancelled";
  model: string | null;
  job_id: string | null;
  worker: string | null;
  error: { code: string; message: string; retryable: boolean } | null;
  finish_reason: string | null;
  usage: Usage | null;
  timings: Timings | null;
  tokens_per_second: number | null;
  feedback: Rating | null;
  /** How many messages an answer's model was given; null or absent: the whole chat. */
  context_messages?: number | null;
  created_at: string;
};

export type ThreadContent = { thread: Thread; messages: StoredMessage[]; head_id: string | null };

export type ModelInfo = {
  name: string;
  default: boolean;
  /** A live worker serves the model. */
  live: boolean;
  loaded: boolean;
  context_length: number;
  capabilities: string[];
};

/** `limits`: how many messages of a conversation reach a model, and how many bytes a request's body may have. */
export type ModelList = {
  models: ModelInfo[];
  engines: string[];
  workers: number;
  advice: string | null;
  limits?: { messages: number; body_bytes: number };
};

/** `message_id` null: the title matched. */
export type SearchHit = { thread: Thread; message_id: string | null; snippet: string };

/** An error that the API answered with. `status` 0: there was no answer. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    readonly requestId?: string,
    /** Seconds until another try is worth it, where the server sent a number. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/** The error in a response with a status of 400 or more. */
export async function errorOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const error = (body as { error?: { code?: string; message?: string; request_id?: string } } | null)?.error;
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new ApiError(
    error?.code ?? `http_${response.status}`,
    error?.message ?? `The server answered ${response.status}.`,
    response.status,
    error?.request_id ?? response.headers.get("x-request-id") ?? undefined,
    Number.isFinite(seconds) ? seconds : undefined,
  );
}

/** Sends one request and returns the parsed answer, undefined for an empty one. Raises ApiError. */
export async function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(path, init).catch((error: unknown) => {
    if (init.signal?.aborted) throw error;
    throw new ApiError("unreachable", "The server could not be reached. Check the connection and try again.", 0);
  });
  if (!response.ok) throw await errorOf(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

const json = (method: string, body: unknown): RequestInit => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});
const thread = (id: string) => `/api/threads/${encodeURIComponent(id)}`;

export type ThreadPage = { threads: Thread[]; next_cursor: string | null };
export type ThreadPatch = { title?: string; archived?: boolean; settings?: ThreadSettings; head_id?: string };

export function listThreads(
  options: { archived?: boolean; limit?: number; cursor?: string } = {},
): Promise<ThreadPage> {
  const query = new URLSearchParams({
    archived: String(options.archived ?? false),
    limit: String(options.limit ?? 50),
  });
  if (options.cursor) query.set("cursor", options.cursor);
  return request(`/api/threads?${query}`);
}

/** Idempotent: a second request with the same id returns the same thread. */
export const createThread = (id: string, settings: ThreadSettings) =>
  request<Thread>("/api/threads", json("POST", { id, settings }));
export const getThread = (id: string) => request<Thread>(thread(id));
/** `keepalive`: the request goes on although the page is left. */
export const patchThread = (id: string, patch: ThreadPatch, keepalive = false) =>
  request<Thread>(thread(id), { ...json("PATCH", patch), keepalive });
export const deleteThread = (id: string) => request<void>(thread(id), { method: "DELETE" });
export const getMessages = (id: string) => request<ThreadContent>(`${thread(id)}/messages`);
export const requestTitle = (id: string) => request<{ job: string | null }>(`${thread(id)}/title`, { method: "POST" });

export const searchThreads = (query: string, signal?: AbortSignal) =>
  request<{ hits: SearchHit[] }>(`/api/threads/search?${new URLSearchParams({ q: query, limit: "20" })}`, { signal });

export const rateMessage = (threadId: string, messageId: string, rating: Rating | null, comment?: string) =>
  request<void>(
    `${thread(threadId)}/messages/${encodeURIComponent(messageId)}/feedback`,
    json("PUT", { rating, comment }),
  );

export const exportUrl = (threadId: string, format: "json" | "markdown") =>
  `${thread(threadId)}/export?format=${format}`;

export const getModels = (signal?: AbortSignal) => request<ModelList>("/api/models", { signal });
