/** A page that shows a thread of a server made of paper; other tabs are a channel. */
import { useAui, type AssistantClient } from "@assistant-ui/react";
import { cleanup, render, waitFor } from "@testing-library/react";
import { useEffect } from "react";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { CustomRuntimeProvider, useSend, useShownThread } from "@/runtime";
import { readPending } from "@/runtime/pending";
import type { TabChange } from "@/runtime/tabs";
import type { StoredMessage, Thread } from "@/stream/api";

type Stored = Pick<StoredMessage, "id" | "parent_id" | "role" | "status" | "job_id">;

/** The server: two threads, the first with turns, each a question `q…` and an answer `a…` of the job `j…`. */
export class House {
  messages: Stored[] = [];
  restarting = false;
  deleted = false;
  refuses: false | "unwritten" | "written" = false;
  readonly requests: string[] = [];
  readonly turns: { parent_id: string; answer_id: string }[] = [];
  private readonly streams = new Map<ReadableStreamDefaultController<Uint8Array>, string>(); // → the job

  constructor(readonly id: string) {}

  /** An id that no other test has, because the page remembers what it has seen. */
  idOf = (what: string): string => `${what}.${this.id}`;

  /** A question and its answer, behind the newest message or `parent`. */
  turn(n: number, status: StoredMessage["status"], parent = this.messages.at(-1)?.id ?? null): void {
    this.store(this.idOf(`q${n}`), this.idOf(`a${n}`), `j${n}`, status, parent);
  }

  /** Another answer to the question of the turn `n`, which runs. */
  again(n: number, answer: number): void {
    this.push(this.idOf(`q${n}`), this.idOf(`a${answer}`), `j${answer}`, "running");
  }

  private store(question: string, answer: string, job: string, status: StoredMessage["status"], parent: string | null) {
    this.messages.push({ id: question, parent_id: parent, role: "user", status: "complete", job_id: null });
    this.push(question, answer, job, status);
  }

  private push(parent_id: string, id: string, job_id: string, status: StoredMessage["status"]) {
    this.messages.push({ id, parent_id, role: "assistant", status, job_id });
  }

  /** The answer's job ends, and a page that follows it receives the end. */
  end(n: number): void {
    this.record(n);
    this.sendEnd(n);
  }

  /** The answer is stored, which may happen after its end. */
  record(n: number): void {
    for (const message of this.messages) if (message.job_id === `j${n}`) message.status = "complete";
  }

  sendEnd(n: number): void {
    for (const [stream, job] of this.streams) {
      if (job !== `j${n}`) continue;
      stream.enqueue(new TextEncoder().encode(job === SENT ? LC_END : END));
      stream.close();
      this.streams.delete(stream);
    }
  }

  follows = (n: number): boolean => [...this.streams.values()].includes(`j${n}`);
  count = (path: string): number => this.requests.filter((request) => request.includes(path)).length;

  fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const path = String(input);
    this.requests.push(path);
    if (init.method === "DELETE") return this.remove();
    if (path.startsWith("/api/threads?")) return Response.json(path.includes("archived=true") ? EMPTY : this.list());
    if (path.endsWith("/title")) return Response.json({ job: null });
    if (path.endsWith(`${this.id}/messages`) && this.restarting) return new Response(null, { status: 503 });
    if (path.endsWith(`${this.id}/messages`)) return Response.json(this.content());
    if (path.endsWith("/messages")) return Response.json({ thread: thread("other"), messages: [], head_id: null });
    if (path.endsWith("/events")) return this.stream(path.split("/").at(-2)!, init.signal);
    if (path.endsWith("/chat/stream")) return this.post(init);
    return Response.json(this.thread());
  };

  private remove(): Response {
    this.deleted = true;
    return new Response(null, { status: 204 });
  }

  private list = () => ({ threads: [...(this.deleted ? [] : [this.thread()]), thread("other")], next_cursor: null });
  private content = () => ({ thread: this.thread(), messages: this.messages.map(whole), head_id: this.messages.at(-1)?.id });

  private thread(): Thread {
    const running = this.messages.findLast(({ status }) => status === "running");
    return thread(this.id, running ? { id: running.job_id!, answer_id: running.id } : null);
  }

  private post({ body, signal }: RequestInit): Response {
    const ids = JSON.parse(String(body)).config.configurable;
    this.turns.push(ids);
    if (this.refuses === "written") this.store(ids.message_id, ids.answer_id, SENT, "failed", ids.parent_id);
    if (this.refuses) return Response.json({ error: { code: "queue_full", message: "full" } }, { status: 429 });
    this.store(ids.message_id, ids.answer_id, SENT, "running", ids.parent_id);
    return this.stream(SENT, signal, { "X-Sluice-Job": SENT });
  }

  private stream(job: string, signal?: AbortSignal | null, headers = {}): Response {
    const start = (stream: ReadableStreamDefaultController<Uint8Array>) => {
      this.streams.set(stream, job);
      signal?.addEventListener("abort", () => this.streams.delete(stream));
    };
    return new Response(new ReadableStream({ start }), { headers });
  }
}

const SENT = "j9"; // the job of the turn that this tab sends
const END = 'id: 1-1\nevent: completed\ndata: {"type":"completed","finish_reason":"stop","usage":{},"timings":{}}\n\n';
const LC_END = "id: 1-1\nevent: end\ndata:\n\n";
const EMPTY = { threads: [], next_cursor: null };
const AT = "2026-01-02T03:04:05Z";
const thread = (id: string, job: Thread["job"] = null): Thread => ({
  ...{ id, title: id, archived: false, created_at: AT, updated_at: AT, settings: {}, job },
});
const whole = (message: Stored) => ({ ...message, text: message.id.split(".")[0], images: [], created_at: AT });

export let house: House;
export let aui: AssistantClient;
export let sending: ReturnType<typeof useSend>;
export let shownThread: ReturnType<typeof useShownThread>;
export let others: BroadcastChannel;
let count = 0;

function Inside() {
  const [own, send, opened] = [useAui(), useSend(), useShownThread()];
  useEffect(() => {
    [aui, sending, shownThread] = [own, send, opened];
  });
  return null;
}

export const shown = () => aui.thread.getState().messages.map(({ content }) => content.map((part) => part.type === "text" && part.text).join());
export const loads = () => house.count(`${house.id}/messages`);

/** The page shows the thread, and follows the answer `n`. */
export async function follows(n: number): Promise<void> {
  history.replaceState(null, "", `/?c=${house.id}`);
  render(<CustomRuntimeProvider><Inside /></CustomRuntimeProvider>);
  await waitFor(() => expect(house.follows(n)).toBe(true));
}

/** Another tab reports changes; returns when this one has received them. */
export async function reported(...changes: TabChange[]): Promise<void> {
  for (const change of changes) {
    const lists = house.count("archived=true");
    others.postMessage(change);
    // oxlint-disable-next-line eslint/no-await-in-loop -- one after the other
    await waitFor(() => expect(house.count("archived=true")).toBeGreaterThan(lists));
  }
}

export const change = (type: "began" | "ended", answerId: string): TabChange => ({ type, threadId: house.id, answerId: house.idOf(answerId) });
export const idle = () => waitFor(() => expect(aui.thread.getState().isRunning).toBe(false));

beforeEach(() => {
  localStorage.clear();
  readPending();
  house = new House(`t${++count}`);
  vi.stubGlobal("fetch", house.fetch);
  others = new BroadcastChannel("sluice");
});
afterEach(() => {
  others.close();
  cleanup();
});
