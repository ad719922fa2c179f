import { cleanup, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { load, save } from "@/lib/storage";
import { useSaved } from "@/lib/use-saved";
import { forget } from "@/runtime/thread-state";

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

type Typed = { place: string; text: string; belongs?: boolean };

const saveText = (key: string, words: string) => void save(key, words || undefined);

const typing = (first: Typed) =>
  renderHook(({ place, text, belongs = true }: Typed) => useSaved(place, `draft.${place}`, text, () => belongs, saveText), {
    initialProps: first,
  });

const drafts = () => ["a", "b"].map((place) => load(`draft.${place}`, ""));

test("a draft is saved when the typing rests", () => {
  const { rerender } = typing({ place: "a", text: "" });
  rerender({ place: "a", text: "wor" });
  rerender({ place: "a", text: "words" });
  expect(drafts()).toEqual(["", ""]);
  vi.advanceTimersByTime(400);
  expect(drafts()).toEqual(["words", ""]);
});

test("the last keys before a reload are saved", () => {
  const { rerender } = typing({ place: "a", text: "" });
  rerender({ place: "a", text: "words" });
  window.dispatchEvent(new Event("pagehide"));
  expect(drafts()).toEqual(["words", ""]);
});

test("the last keys before another chat is shown are saved, as that chat's", () => {
  const { rerender } = typing({ place: "a", text: "" });
  rerender({ place: "a", text: "words" });
  rerender({ place: "b", text: "", belongs: false });
  expect(drafts()).toEqual(["words", ""]);
  rerender({ place: "b", text: "others" });
  vi.advanceTimersByTime(400);
  expect(drafts()).toEqual(["words", "others"]);
});

test("the draft of a sent message is removed, and so is that of a forgotten chat", () => {
  save("draft.b", "old");
  forget("b");
  const { rerender } = typing({ place: "a", text: "words" });
  vi.advanceTimersByTime(400);
  rerender({ place: "a", text: "" });
  vi.advanceTimersByTime(0);
  expect(drafts()).toEqual(["", ""]);
});
