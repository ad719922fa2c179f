/** One tab of several: what others tell it while it follows an answer, and does not show yet, is not lost. */
import { useAui, type AssistantClient } from "@assistant-ui/react";
import { act, cleanup, configure, render, waitFor } from "@testing-library/react";
import { useEffect } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CustomRuntimeProvider, useSend, useShownThread } from "@/runtime";
import { addPending, pendingOf, readPending, sendNow } from "@/runtime/pending";
import { isStale } from "@/runtime/reload";
import type { News } from "@/runtime/tabs";
import type { StoredMessage, Thread } from "@/stream/api";

configure({ asyncUtilTimeout: 15_000 }); // a machine that is busy is slow, not wrong
vi.setConfig({ testTimeout: 30_000 });
vi.mock("next/navigation", () => ({ usePathname: () => "/" }));

type Stored = Pick<StoredMessage, "id" | "parent_id" | "role" | "status" | "job_id">;

/** The server: two threads, the first with turns, each a question `q…` and an answer `a…` of the job `j…`. */
class House {
  messages: Stored[] = [];
  restarting = false;
  refuses: false | "unwritten" | "written" = false;
  readonly asked: string[] = [];
  readonly turns: { parent_id: string; answer_id: string }[] = [];
  private readonly streams = new Map<ReadableStreamDefaultController<Uint8Array>, string>(); // → the job

  constructor(readonly id: string) {}

  /** Ids are unique in all tests: the page remembers what it has seen. */
  name = (what: string): string => `${what}.${this.id}`;

  /** A question and its answer, behind the newest message or `parent`. */
  turn(n: number, status: StoredMessage["status"], parent = this.messages.at(-1)?.id ?? null): void {
    this.store(this.name(`q${n}`), this.name(`a${n}`), `j${n}`, status, parent);
  }

  /** Another answer to the question of the turn `n`, which runs. */
  again(n: number, answer: number): void {
    this.push(this.name(`q${n}`), this.name(`a${answer}`), `j${answer}`, "running");
  }

  private store(question: string, answer: string, job: string, status: StoredMessage["status"], parent: string | null) {
    this.messages.push({ id: question, parent_id: parent, role: "user", status: "complete", job_id: null });
    this.push(question, answer, job, status);
  }

  private push(parent_id: string, id: string, job_id: string, status: StoredMessage["status"]) {
    this.messages.push({ id, parent_id, role: "assistant", status, job_id });
  }

  /** The answer's job ends, and whoever follows it hears that. */
  end(n: number): void {
    this.record(n);
    this.tellEnd(n);
  }

  /** It is written down, which may come after its end. */
  record(n: number): void {
    for (const message of this.messages) if (message.job_id === `j${n}`) message.status = "complete";
  }

  tellEnd(n: number): void {
    for (const [stream, job] of this.streams) {
      if (job !== `j${n}`) continue;
      stream.enqueue(new TextEncoder().encode(job === ASKED ? LC_END : END));
      stream.close();
      this.streams.delete(stream);
    }
  }

  follows = (n: number): boolean => [...this.streams.values()].includes(`j${n}`);
  count = (path: string): number => this.asked.filter((one) => one.includes(path)).length;

  fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const path = String(input);
    this.asked.push(path);
    if (path.startsWith("/api/threads?")) return Response.json(path.includes("archived=true") ? EMPTY : this.list());
    if (path.endsWith("/title")) return Response.json({ job: null });
    if (path.endsWith(`${this.id}/messages`) && this.restarting) return new Response(null, { status: 503 });
    if (path.endsWith(`${this.id}/messages`)) return Response.json(this.content());
    if (path.endsWith("/messages")) return Response.json({ thread: thread("other"), messages: [], head_id: null });
    if (path.endsWith("/events")) return this.stream(path.split("/").at(-2)!, init.signal);
    if (path.endsWith("/chat/stream")) return this.post(init);
    return Response.json(this.thread());
  };

  private list = () => ({ threads: [this.thread(), thread("other")], next_cursor: null });
  private content = () => ({ thread: this.thread(), messages: this.messages.map(whole), head_id: this.messages.at(-1)?.id });

  private thread(): Thread {
    const running = this.messages.findLast(({ status }) => status === "running");
    return thread(this.id, running ? { id: running.job_id!, answer_id: running.id } : null);
  }

  private post({ body, signal }: RequestInit): Response {
    const names = JSON.parse(String(body)).config.configurable;
    this.turns.push(names);
    if (this.refuses === "written") this.store(names.message_id, names.answer_id, ASKED, "failed", names.parent_id);
    if (this.refuses) return Response.json({ error: { code: "queue_full", message: "full" } }, { status: 429 });
    this.store(names.message_id, names.answer_id, ASKED, "running", names.parent_id);
    return this.stream(ASKED, signal, { "X-Sluice-Job": ASKED });
  }

  private stream(job: string, signal?: AbortSignal | null, headers = {}): Response {
    const start = (stream: ReadableStreamDefaultController<Uint8Array>) => {
      this.streams.set(stream, job);
      signal?.addEventListener("abort", () => this.streams.delete(stream));
    };
    return new Response(new ReadableStream({ start }), { headers });
  }
}

const ASKED = "j9"; // the job of the turn that this tab sends
const END = 'id: 1-1\nevent: completed\ndata: {"type":"completed","finish_reason":"stop","usage":{},"timings":{}}\n\n';
const LC_END = "id: 1-1\nevent: end\ndata:\n\n";
const EMPTY = { threads: [], next_cursor: null };
const AT = "2026-01-02T03:04:05Z";
const thread = (id: string, job: Thread["job"] = null): Thread => ({
  ...{ id, title: id, archived: false, created_at: AT, updated_at: AT, settings: {}, job },
});
const whole = (message: Stored) => ({ ...message, text: message.id.split(".")[0], images: [], created_at: AT });

let house: House;
let aui: AssistantClient;
let sending: ReturnType<typeof useSend>;
let shownThread: ReturnType<typeof useShownThread>;
let others: BroadcastChannel;
let count = 0;

function Inside() {
  const [own, send, opened] = [useAui(), useSend(), useShownThread()];
  useEffect(() => {
    [aui, sending, shownThread] = [own, send, opened];
  });
  return null;
}

const shown = () => aui.thread.getState().messages.map(({ content }) => content.map((part) => part.type === "text" && part.text).join());
const loads = () => house.count(`${house.id}/messages`);

/** The page shows the thread, and follows the answer `n`. */
async function follows(n: number): Promise<void> {
  history.replaceState(null, "", `/?c=${house.id}`);
  render(<CustomRuntimeProvider><Inside /></CustomRuntimeProvider>);
  await waitFor(() => expect(house.follows(n)).toBe(true));
}

/** Another tab tells; returns when this one has heard. */
async function told(...news: News[]): Promise<void> {
  for (const one of news) {
    const lists = house.count("archived=true");
    others.postMessage(one);
    // oxlint-disable-next-line eslint/no-await-in-loop -- one after the other
    await waitFor(() => expect(house.count("archived=true")).toBeGreaterThan(lists));
  }
}

const news = (type: "began" | "ended", answerId: string): News => ({ type, threadId: house.id, answerId: house.name(answerId) });
const idle = () => waitFor(() => expect(aui.thread.getState().isRunning).toBe(false));

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

test("an answer that began and ended elsewhere while another was followed is shown behind it", async () => {
  house.turn(1, "running");
  await follows(1);
  house.turn(2, "complete");
  await told(news("began", "a2"), news("ended", "a2"));
  expect(loads()).toBe(1); // what is followed is not torn away
  act(() => aui.composer.setText("half a sentence"));
  act(() => house.end(1));
  await waitFor(() => expect(shown()).toEqual(["q1", "a1", "q2", "a2"]));
  await waitFor(() => expect(aui.composer.getState().text).toBe("half a sentence"), { timeout: 2000 });
});

test("one that still runs then is followed", async () => {
  house.turn(1, "running");
  await follows(1);
  house.turn(2, "running");
  await told(news("began", "a2"));
  act(() => house.end(1));
  await waitFor(() => expect(house.follows(2)).toBe(true));
  act(() => house.end(2));
  await idle();
  expect(shown().slice(0, 3)).toEqual(["q1", "a1", "q2"]);
});

test("news of the answer that is followed is none", async () => {
  house.turn(1, "running");
  await follows(1);
  await told(news("began", "a1"));
  act(() => house.end(1));
  await idle();
  await told(news("ended", "a1"), { type: "list" });
  expect(loads()).toBe(1);
});

test("what waits does not go behind an answer that others have left behind", async () => {
  house.turn(1, "running");
  await follows(1);
  addPending(house.id, "next", []);
  const [waits] = JSON.parse(localStorage.getItem("sluice.waiting")!)[house.id].items;
  localStorage.setItem("sluice.waiting", JSON.stringify({ [house.id]: { items: [waits], behind: house.name("a2") } }));
  house.turn(2, "complete");
  house.turn(3, "complete");
  await told(news("ended", "a2"), news("ended", "a3"));
  act(() => house.end(1));
  await waitFor(() => expect(house.turns.map(({ parent_id }) => parent_id)).toEqual([house.name("a3")]));
});

test("a thread that was left meanwhile is loaded again when it is shown", async () => {
  house.turn(1, "running");
  await follows(1);
  await act(() => aui.threads.switchToThread("other"));
  house.turn(2, "complete");
  await told(news("began", "a2"), news("ended", "a2"));
  act(() => house.end(1));
  await told({ type: "list" });
  await act(() => aui.threads.switchToThread(house.id));
  await waitFor(() => expect(shown()).toEqual(["q1", "a1", "q2", "a2"]));
});

test("an answer that was refused here and then began elsewhere is shown", async () => {
  house.turn(1, "running");
  await follows(1);
  addPending(house.id, "next", []);
  house.refuses = "unwritten";
  act(() => house.end(1));
  await waitFor(() => expect(house.turns).toHaveLength(1));
  await idle();
  house.turn(2, "complete");
  await told({ type: "began", threadId: house.id, answerId: house.turns[0]!.answer_id });
  await waitFor(() => expect(shown()).toEqual(["q1", "a1", "q2", "a2"]));
});

test("a message that waited, and was refused but written down, is told to other tabs", async () => {
  house.turn(1, "running");
  await follows(1);
  const heard: News[] = [];
  others.onmessage = ({ data }) => heard.push(data);
  addPending(house.id, "next", []);
  house.refuses = "written";
  act(() => house.end(1));
  await waitFor(() => expect(house.turns).toHaveLength(1));
  const { answer_id } = house.turns[0]!;
  await waitFor(() => expect(heard).toContainEqual({ type: "ended", threadId: house.id, answerId: answer_id }));
});

test("nothing is sent into a thread that could not be loaded, neither what waits nor what is typed", async () => {
  house.turn(1, "running");
  await follows(1);
  addPending(house.id, "next", []);
  house.turn(2, "complete");
  await told(news("began", "a2"), news("ended", "a2"));
  house.restarting = true;
  act(() => house.end(1));
  await waitFor(() => expect(shownThread.error).not.toBeNull());
  act(() => aui.composer.setText("typed"));
  expect(sending.canSend).toBe(false);
  await act(() => sending.send());
  sendNow(house.id, pendingOf(house.id)[0]!.id);
  await told({ type: "list" });
  expect([house.turns, aui.composer.getState().text]).toEqual([[], "typed"]);
  house.restarting = false;
  act(() => shownThread.retry());
  await waitFor(() => expect(house.turns.map(({ parent_id }) => parent_id)).toEqual([house.name("a2")]));
  expect(aui.composer.getState().text).toBe("typed");
});

test("an answer that was read to its end is not said to be written still, though another runs behind it", async () => {
  house.turn(1, "running");
  await follows(1);
  house.turn(2, "running");
  await told(news("began", "a2"));
  act(() => house.tellEnd(1));
  await waitFor(() => expect(loads()).toBe(2));
  house.record(1);
  await waitFor(() => {
    document.dispatchEvent(new Event("visibilitychange")); // nobody waits longer for the recorder
    expect(house.follows(2)).toBe(true);
  });
  expect(aui.thread.getState().messages[1]!.status).toMatchObject({ type: "complete" });
  expect(loads()).toBe(3);
});

/** The page shows a turn that is over. */
async function shows(): Promise<void> {
  house.turn(1, "running");
  await follows(1);
  act(() => house.end(1));
  await idle();
}

const editor = () => aui.thread.message({ id: house.name("q1") }).composer();

test("a message that is being edited stays open, whatever others tell; its thread is loaded once it is closed", async () => {
  await shows();
  act(() => editor().beginEdit());
  act(() => editor().setText("changed"));
  house.turn(2, "complete");
  await told(news("began", "a2"), news("ended", "a2"), { type: "list" });
  expect([editor().getState().text, loads()]).toEqual(["changed", 1]);
  act(() => editor().cancel());
  await waitFor(() => expect(shown()).toEqual(["q1", "a1", "q2", "a2"]));
  expect(loads()).toBe(2);
});

test("one that is sent then is sent, and the thread is loaded at its answer's end", async () => {
  await shows();
  act(() => editor().beginEdit());
  act(() => editor().setText("changed"));
  house.turn(2, "complete");
  await told(news("began", "a2"), news("ended", "a2"));
  await act(() => editor().send());
  await waitFor(() => expect(house.follows(9)).toBe(true));
  expect(loads()).toBe(1);
  act(() => house.end(9));
  await waitFor(() => expect(loads()).toBe(2));
});

test("a question that was refused stays, whatever others tell, until it is asked again", async () => {
  await shows();
  house.refuses = "unwritten";
  act(() => aui.thread.append("mine"));
  await waitFor(() => expect(house.turns).toHaveLength(1));
  await idle();
  house.turn(2, "complete");
  await told(news("began", "a2"), news("ended", "a2"), { type: "list" });
  expect([shown()[2], loads()]).toEqual(["mine", 2]); // the second asks what was written down
  house.refuses = false;
  const refused = aui.thread.getState().messages.at(-1)!.id;
  act(() => aui.thread.message({ id: refused }).reload());
  await waitFor(() => expect(house.follows(9)).toBe(true));
  act(() => house.end(9));
  await waitFor(() => expect(loads()).toBe(3));
});

test("branches beside an answer that runs are there, with what follows them", async () => {
  house.turn(1, "complete");
  house.turn(2, "complete");
  house.again(1, 3);
  await follows(3);
  const question = aui.thread.message({ id: house.name("q1") });
  expect(shown()).toEqual(["q1", ""]);
  const [answer] = aui.thread.getState().messages.slice(-1);
  expect(aui.thread.message({ id: answer!.id }).getState()).toMatchObject({ branchNumber: 2, branchCount: 2 });
  act(() => house.end(3));
  await idle();
  expect(aui.thread.getState().messages.at(-1)!.status).toMatchObject({ type: "complete" });
  act(() => question.switchToBranch({ branchId: house.name("a1") }));
  expect(shown()).toEqual(["q1", "a1", "q2", "a2"]);
  expect(loads()).toBe(1);
});

test("an answer that ran beside is shown although another was asked for when it ended", async () => {
  house.turn(1, "running");
  house.turn(2, "running", null);
  await follows(2);
  act(() => house.end(2));
  await idle();
  act(() => aui.thread.append("more"));
  await waitFor(() => expect(house.follows(9)).toBe(true));
  act(() => house.end(1));
  await waitFor(() => {
    document.dispatchEvent(new Event("visibilitychange")); // nobody waits longer for the recorder
    expect(isStale(house.id)).toBe(true);
  });
  expect(loads()).toBe(1);
  act(() => house.end(9));
  await waitFor(() => expect(loads()).toBe(2));
});
