"use client";
import { count, rate } from "./format";
import type { FeedState } from "./feed";
import { useFeed } from "./use-feed";

const slots = (state: FeedState) => {
  if (!state.workers) return count(null);
  const sum = (pick: "slots" | "running") => state.workers!.reduce((total, worker) => total + worker[pick], 0);
  return `${count(sum("running"))} / ${count(sum("slots"))}`;
};

const FIGURES: { label: string; select: (state: FeedState) => string }[] = [
  { label: "Waiting", select: (state) => count(state.queue?.waiting) },
  { label: "Running", select: (state) => count(state.queue?.running) },
  { label: "Workers", select: (state) => count(state.workers?.length) },
  { label: "Slots in use", select: slots },
  { label: "Tokens per second", select: (state) => rate(state.queue ? (state.points.at(-1)?.tokens_per_second ?? null) : null) },
];

/** The pool in five numbers. */
export const Figures = () => (
  <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-xl border border-line bg-line sm:grid-cols-5">
    {FIGURES.map((figure) => (
      <Figure key={figure.label} {...figure} />
    ))}
  </dl>
);

function Figure({ label, select }: (typeof FIGURES)[number]) {
  const value = useFeed(select);
  return (
    <div className="flex flex-col-reverse bg-bg px-4 py-3 last:max-sm:col-span-2">
      <dt className="text-xs text-muted-fg">{label}</dt>
      <dd className="text-2xl leading-tight font-semibold tabular-nums">{value}</dd>
    </div>
  );
}
