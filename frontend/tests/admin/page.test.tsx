import { act, cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Feed } from "@/components/admin/feed";
import { JobsPanel } from "@/components/admin/jobs";
import { QueuePanel } from "@/components/admin/queue";
import { FeedProvider } from "@/components/admin/use-feed";
import { WorkersPanel } from "@/components/admin/workers";
import type { Job } from "@/components/admin/types";
import { at, FakeSource, job, mark, snapshot, worker } from "./house";

const running = job();
const ended = job({ id: "ffff0000-ended", state: "completed", tenant: "research", ended_at: at(9), usage: { completion_tokens: 321 } });
const dead = job({ id: "dddd0000-dead", state: "failed", ended_at: at(9), why: "worker_lost", timeline: [mark(0, "accepted"), mark(9, "ended", "failed")] });

let source: FakeSource;
let requests: string[];

/** The API, as far as these tests need it. */
function api(url: string, init?: RequestInit): unknown {
  requests.push(`${init?.method ?? "GET"} ${url}`);
  if (init?.method === "POST") return { id: running.id, state: "cancelled" };
  if (url.includes("/dead")) return { dead: [{ entry: "1-0", id: dead.id, job: dead, why: "worker_lost", at: at(9) }], next_cursor: null };
  if (url.includes("state=ended")) return { jobs: [ended], next_cursor: url.includes("cursor=") ? null : "older" };
  if (url.includes("state=live")) return { jobs: [running], next_cursor: null };
  return [running, ended, dead].find(({ id }: Job) => url.endsWith(id));
}

beforeEach(() => {
  source = new FakeSource();
  requests = [];
  vi.stubGlobal("fetch", (url: string, init?: RequestInit) => Promise.resolve(Response.json(api(url, init))));
  HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
    this.open = true;
  };
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const show = (part: React.ReactNode) => render(<FeedProvider make={() => new Feed(() => source)}>{part}</FeedProvider>);
const sendSnapshot = (...args: Parameters<typeof snapshot>) => act(() => source.send("snapshot", snapshot(...args)));

test("where no worker is alive the page explains how to start one", () => {
  show(<WorkersPanel />);
  sendSnapshot(0, { workers: [] });
  expect(screen.getByText(/No worker is alive/)).toBeTruthy();
  expect(screen.getByText("make up")).toBeTruthy();
});

test("a worker's state is shown in words", () => {
  show(<WorkersPanel />);
  sendSnapshot(0, { workers: [worker({ state: "not_asking" })] });
  const card = within(screen.getByRole("article", { name: "Worker w-1" }));
  expect(card.getByText("takes no jobs")).toBeTruthy();
  expect(card.getByText("1 of 4 slots")).toBeTruthy();
});

test("the queue shows classes, tenants and what was returned", () => {
  show(<QueuePanel />);
  sendSnapshot(0);
  expect(screen.getByText("interactive")).toBeTruthy();
  expect(screen.getByText("default")).toBeTruthy();
  expect(screen.getByText("1 returned, go first")).toBeTruthy();
});

test("a live job is cancelled only after it was confirmed", async () => {
  show(<JobsPanel />);
  fireEvent.click(await screen.findByRole("button", { name: /^Cancel job/ }));
  expect(requests.some((line) => line.startsWith("POST"))).toBe(false);
  fireEvent.click(screen.getByRole("button", { name: "Cancel the job" }));
  expect(requests).toContain(`POST /api/admin/jobs/${running.id}/cancel`);
});

test("a row opens its job's timeline", async () => {
  show(<JobsPanel />);
  fireEvent.click(await screen.findByRole("button", { name: /Open job/ }));
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByText("Given to a worker, attempt 1")).toBeTruthy();
});

test("the arrows move between the tabs, and each list is requested", async () => {
  show(<JobsPanel />);
  fireEvent.keyDown(screen.getByRole("tab", { name: "Live" }), { key: "ArrowRight" });
  expect(await screen.findByText("321")).toBeTruthy();
  fireEvent.keyDown(screen.getByRole("tab", { name: "Ended" }), { key: "ArrowRight" });
  expect(await screen.findByText("worker_lost")).toBeTruthy();
  expect(document.activeElement).toBe(screen.getByRole("tab", { name: "Dead letters" }));
});

test("older pages are requested by cursor, and the way back is kept", async () => {
  show(<JobsPanel />);
  fireEvent.click(screen.getByRole("tab", { name: "Ended" }));
  await screen.findByText("321");
  fireEvent.click(screen.getByRole("button", { name: "Older" }));
  expect(requests.at(-1)).toContain("cursor=older");
  fireEvent.click(screen.getByRole("button", { name: "Newer" }));
  expect(requests.at(-1)).not.toContain("cursor=");
});

test("the filter looks at everything a row shows", async () => {
  show(<JobsPanel />);
  await screen.findByRole("button", { name: /Open job/ });
  fireEvent.change(screen.getByRole("searchbox"), { target: { value: "QWEN" } });
  expect(screen.queryByRole("button", { name: /Open job/ })).toBeTruthy();
  fireEvent.change(screen.getByRole("searchbox"), { target: { value: "nothing like it" } });
  expect(screen.getByText(/No job on this page matches/)).toBeTruthy();
});

test("a refusal by the server is shown with its reason", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(Response.json({ error: { code: "forbidden", message: "Only for operators." } }, { status: 403 })));
  show(<JobsPanel />);
  expect((await screen.findByRole("alert")).textContent).toBe("Only for operators.");
});
