import { describe, expect, it } from "vitest";
import { groupByDay } from "@/components/shell/groups";

const now = new Date(2026, 10, 21, 0, 30);
const at = (...date: [number, number, number, number?]) => new Date(date[0], date[1] - 1, date[2], date[3] ?? 12).toISOString();

describe("threads by day", () => {
  it("counts calendar days, not hours", () => {
    const groups = groupByDay([{ at: at(2026, 11, 21, 0) }, { at: at(2026, 11, 20, 23) }, { at: at(2026, 11, 19, 1) }], now);
    expect(groups.map((group) => group.title)).toEqual(["Today", "Yesterday", "Previous 7 days"]);
  });

  it("ends the week after seven days", () => {
    const groups = groupByDay([{ at: at(2026, 11, 14) }, { at: at(2026, 11, 13) }], now);
    expect(groups.map((group) => group.title)).toEqual(["Previous 7 days", "Older"]);
  });

  it("puts a thread without a time, and one from a clock ahead of ours, under today", () => {
    expect(groupByDay([{}, { at: at(2026, 11, 23) }], now)).toHaveLength(1);
  });

  it("keeps the order of threads and leaves out empty groups", () => {
    const threads = [
      { id: 1, at: at(2026, 11, 20) },
      { id: 2, at: at(2026, 11, 21, 0) },
      { id: 3, at: at(2026, 11, 20) },
    ];
    const groups = groupByDay(threads, now);
    expect(groups.map((group) => group.threads.map((thread) => thread.id))).toEqual([[2], [1, 3]]);
    expect(groupByDay([], now)).toEqual([]);
  });
});
