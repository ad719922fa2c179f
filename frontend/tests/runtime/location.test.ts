import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { shownIs, useThreadInAddress } from "@/runtime/location";
import { lostLink } from "@/runtime/thread-list";

vi.mock("next/navigation", () => ({ usePathname: () => location.pathname }));

function open() {
  let shown: string | undefined;
  const { unmount } = renderHook(() => useThreadInAddress((threadId) => void (shown = threadId)));
  const change = (threadId?: string) => {
    shown = threadId;
    act(() => shownIs(threadId));
  };
  return { unmount, shown: () => shown, change };
}

beforeEach(() => history.replaceState(null, "", "/"));
afterEach(() => {
  open().change(undefined);
  cleanup();
});

test("the thread in the address is shown", () => {
  history.replaceState(null, "", "/?c=t1");
  const page = open();
  expect(page.shown()).toBe("t1");
});

test("a shown thread gets into the address, and back leads to the thread before", async () => {
  history.replaceState(null, "", "/?c=t1");
  const page = open();
  page.change("t2");
  expect([page.shown(), location.search]).toEqual(["t2", "?c=t2"]);
  const back = new Promise((resolve) => window.addEventListener("popstate", resolve, { once: true }));
  history.back();
  await act(() => back);
  expect([page.shown(), location.search]).toEqual(["t1", "?c=t1"]);
});

test("a link to a thread that is not there leads to an empty chat", () => {
  history.replaceState(null, "", "/?c=nope");
  const page = open();
  act(() => lostLink.set("nope"));
  expect([page.shown(), location.search]).toEqual([undefined, ""]);
});

test("the address of another page is left alone, and the shown thread is there on return", () => {
  history.replaceState(null, "", "/?c=t1");
  open().unmount();
  history.replaceState(null, "", "/admin/");
  history.replaceState(null, "", "/");
  const page = open();
  expect([page.shown(), location.search]).toEqual(["t1", "?c=t1"]);
});
