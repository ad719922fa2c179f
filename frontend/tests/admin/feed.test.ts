import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Feed } from "@/components/admin/feed";
import { FakeSource, point, snapshot, T0, worker } from "./house";

let sources: FakeSource[];
let feed: Feed;
const stream = () => sources.at(-1)!;

beforeEach(() => {
  vi.useFakeTimers({ now: T0 });
  sources = [];
  feed = new Feed(() => {
    const source = new FakeSource();
    sources.push(source);
    return source;
  });
  feed.start();
});

afterEach(() => {
  feed.stop();
  vi.useRealTimers();
});

test("the feed is live once a snapshot has arrived", () => {
  expect(feed.state.connection).toBe("connecting");
  stream().send("snapshot", snapshot(0));
  expect(feed.state.connection).toBe("live");
  expect(feed.state.queue?.waiting).toBe(2);
});

test("workers keep their order whatever order the server names them in", () => {
  stream().send("snapshot", snapshot(0, { workers: [worker({ id: "w-10" }), worker({ id: "w-2" })] }));
  expect(feed.state.workers?.map(({ id }) => id)).toEqual(["w-2", "w-10"]);
});

test("what did not change stays the same object, a beat included", () => {
  stream().send("snapshot", snapshot(0));
  const before = feed.state;
  stream().send("snapshot", snapshot(1, { workers: [worker({ beat_age_ms: 1500 })] }));
  expect(feed.state.workers).toBe(before.workers);
  expect(feed.state.queue).toBe(before.queue);
  expect(feed.state.beats).not.toEqual(before.beats);
});

test("a worker that changed is a new object, its neighbour is not", () => {
  stream().send("snapshot", snapshot(0, { workers: [worker({ id: "a" }), worker({ id: "b" })] }));
  const before = feed.state.workers!;
  stream().send("snapshot", snapshot(1, { workers: [worker({ id: "a" }), worker({ id: "b", running: 2 })] }));
  expect(feed.state.workers![0]).toBe(before[0]);
  expect(feed.state.workers![1]).not.toBe(before[1]);
});

test("a cut stream is reconnecting, then offline, then live again", () => {
  stream().send("snapshot", snapshot(0));
  stream().cut();
  expect(feed.state.connection).toBe("reconnecting");
  vi.advanceTimersByTime(21_000);
  expect(feed.state.connection).toBe("offline");
  stream().send("snapshot", snapshot(22));
  expect(feed.state.connection).toBe("live");
});

test("a silent stream is not live", () => {
  stream().send("snapshot", snapshot(0));
  vi.advanceTimersByTime(7000);
  expect(feed.state.connection).toBe("reconnecting");
});

test("a stream that the browser has given up is opened again", () => {
  stream().cut(true);
  expect(feed.state.connection).toBe("offline");
  vi.advanceTimersByTime(7000);
  expect(sources).toHaveLength(2);
  expect(feed.state.connection).toBe("offline");
});

test("a pause closes the stream and keeps what is shown; resuming opens another", () => {
  stream().send("snapshot", snapshot(0));
  feed.pause();
  expect(stream().readyState).toBe(2);
  vi.advanceTimersByTime(60_000);
  expect(feed.state.connection).toBe("paused");
  expect(feed.state.queue?.waiting).toBe(2);
  feed.resume();
  stream().send("snapshot", snapshot(61));
  expect(feed.state.connection).toBe("live");
});

test("trouble is shown while the server cannot look at the pool, and gone with the next snapshot", () => {
  stream().send("snapshot", snapshot(0));
  stream().send("trouble", { error: { code: "queue_unavailable", message: "Redis is away." } });
  expect(feed.state.trouble).toBe("Redis is away.");
  stream().send("snapshot", snapshot(3));
  expect(feed.state.trouble).toBeNull();
});

test("history after a reconnection fills the hole and doubles nothing", () => {
  stream().send("history", { points: [point(-4), point(-2)] });
  stream().send("snapshot", snapshot(0));
  stream().send("history", { points: [point(-2), point(0), point(2)] });
  expect(feed.state.points.map(({ at }) => (Date.parse(at) - T0) / 1000)).toEqual([-4, -2, 0, 2]);
});

test("the server's clock is known by its difference from the page's", () => {
  stream().send("snapshot", snapshot(30));
  expect(feed.state.skew).toBe(30_000);
});
