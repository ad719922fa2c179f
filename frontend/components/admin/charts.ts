import { count, duration, rate } from "./format";
import type { Pick } from "./points";

export type Series = {
  label: string;
  pick: Pick;
  /** A CSS variable of the palette. */
  colour: "--accent" | "--warn" | "--good";
  /** Lines differ by more than their colour. */
  line: "solid" | "dashed";
};

/** `least`: the axis shows at least this much, so that a quiet pool does not look like a storm. */
export type ChartSpec = { id: string; title: string; series: Series[]; format: (value: number | null) => string; least: number; whole?: boolean };

const depth: ChartSpec = {
  id: "depth",
  title: "Jobs in the pool",
  series: [
    { label: "waiting", pick: (point) => point.depth - point.running, colour: "--warn", line: "dashed" },
    { label: "running", pick: (point) => point.running, colour: "--accent", line: "solid" },
  ],
  format: count,
  least: 4,
  whole: true,
};

const wait: ChartSpec = {
  id: "wait",
  title: "Wait in the queue",
  series: [{ label: "10 s mean", pick: (point) => point.wait_ms, colour: "--accent", line: "solid" }],
  format: duration,
  least: 100,
};

const firstToken: ChartSpec = {
  id: "first-token",
  title: "Time to first token",
  series: [{ label: "10 s mean", pick: (point) => point.first_token_ms, colour: "--accent", line: "solid" }],
  format: duration,
  least: 100,
};

const speed: ChartSpec = {
  id: "speed",
  title: "Tokens per second",
  series: [{ label: "all workers", pick: (point) => point.tokens_per_second, colour: "--accent", line: "solid" }],
  format: rate,
  least: 10,
};

export const CHARTS = [depth, wait, firstToken, speed];
