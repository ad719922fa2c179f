/**
 * Threads under the headings people look for. `at` is an ISO time; without one the thread is new, so it stands at the
 * top.
 */
export type Dated = { at?: string | undefined };
export type Group<T> = { title: string; threads: T[] };

const DAY_MS = 86_400_000;

/** Groups in the order they are drawn; threads keep their order, and no group is empty. */
export function groupByDay<T extends Dated>(threads: readonly T[], now = new Date()): Group<T>[] {
  const groups: Group<T>[] = [];
  for (const thread of threads) {
    const title = headingOf(thread.at, now);
    const group = groups.find((each) => each.title === title);
    if (group) group.threads.push(thread);
    else groups.push({ title, threads: [thread] });
  }
  return groups.sort((a, b) => HEADINGS.indexOf(a.title) - HEADINGS.indexOf(b.title));
}

const HEADINGS = ["Today", "Yesterday", "Previous 7 days", "Older"];

/** By calendar days where the reader is, not by hours: yesterday ends at midnight. */
function headingOf(at: string | undefined, now: Date): string {
  if (!at) return "Today";
  const days = Math.round((midnight(now) - midnight(new Date(at))) / DAY_MS);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  return days <= 7 ? "Previous 7 days" : "Older";
}

const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
