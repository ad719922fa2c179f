"use client";
import { useEffect, useRef, useState, type RefObject } from "react";
import type { ChartSpec, Series } from "./charts";
import type { Feed } from "./feed";
import { NONE, timeOfDay } from "./format";
import type { Plot, Reading } from "./plot";
import { columns, extent, WINDOW_SECONDS } from "./points";
import { useFeed, useFeedItself } from "./use-feed";

/**
 * A chart of the last quarter of an hour. The drawing gets its data without React, so that a new second draws no
 * component anew.
 */
export function Chart({ spec }: { spec: ChartSpec }) {
  const [reading, setReading] = useState<Reading | null>(null);
  const { host, plot } = usePlot(spec, setReading);
  return (
    <section aria-labelledby={`chart-${spec.id}`} className="min-w-0 rounded-xl border border-line p-3">
      <div className="flex items-baseline gap-2">
        <h3 id={`chart-${spec.id}`} className="text-sm font-medium">
          {spec.title}
        </h3>
        <span className="ml-auto text-xs text-muted-fg tabular-nums">{reading ? timeOfDay(reading.at * 1000) : "now"}</span>
      </div>
      <ul className="mt-1 flex gap-4">
        {spec.series.map((series, index) => (
          <Legend key={series.label} spec={spec} series={series} read={reading ? (reading.values[index] ?? null) : undefined} />
        ))}
      </ul>
      <div className="relative mt-1">
        <Moment spec={spec} reading={reading} plot={plot} />
        <div ref={host} className="h-[132px] overflow-hidden rounded outline-offset-2 outline-accent peer-focus-visible:outline-2" />
      </div>
    </section>
  );
}

/**
 * A series' value now, or where the cursor is, and its highest value. A screen reader reads these instead of the chart.
 */
function Legend({ spec, series, read }: { spec: ChartSpec; series: Series; read: number | null | undefined }) {
  const last = useFeed((state) => spec.format(extent(state.points, series.pick).last));
  const max = useFeed((state) => spec.format(extent(state.points, series.pick).max));
  return (
    <li className="min-w-0 text-xs text-muted-fg">
      <span className="flex items-center gap-1.5">
        <svg aria-hidden viewBox="0 0 16 4" className="h-1 w-4 shrink-0">
          <line x1="0" x2="16" y1="2" y2="2" strokeWidth="3" strokeDasharray={series.line === "dashed" ? "5 2.5" : undefined} stroke={`var(${series.colour})`} />
        </svg>
        {series.label}
      </span>
      <span className="block text-lg leading-tight font-semibold whitespace-nowrap text-fg tabular-nums">
        {read === undefined ? last : spec.format(read)}
      </span>
      <span className="block whitespace-nowrap tabular-nums">
        <span className="sr-only">highest in the last 15 minutes </span>
        <span aria-hidden>max </span>
        {max}
      </span>
    </li>
  );
}

type MomentProps = { spec: ChartSpec; reading: Reading | null; plot: RefObject<Plot | null> };

/**
 * The cursor for the keyboard: a slider over the seconds of the window, which is drawn as the chart's outline and
 * cursor.
 */
function Moment({ spec, reading, plot }: MomentProps) {
  const [back, setBack] = useState(0);
  const look = (seconds: number) => {
    setBack(seconds);
    plot.current?.lookBack(seconds);
  };
  const leave = () => {
    setBack(0);
    plot.current?.leave();
  };
  return (
    <input
      type="range"
      min={-WINDOW_SECONDS}
      max={0}
      value={-back}
      aria-label={`${spec.title}: look at a moment`}
      aria-valuetext={reading ? spoken(spec, reading) : "now"}
      onChange={(event) => look(-event.target.valueAsNumber)}
      onBlur={leave}
      className="peer sr-only"
    />
  );
}

function spoken(spec: ChartSpec, { at, values }: Reading): string {
  const parts = spec.series.map((series, index) => `${spec.format(values[index] ?? null).replace(NONE, "nothing")} ${series.label}`);
  return `${timeOfDay(at * 1000)}: ${parts.join(", ")}`;
}

function usePlot(spec: ChartSpec, onRead: (reading: Reading | null) => void) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const feed = useFeedItself();
  useEffect(() => {
    let ended = false;
    let unfollow = () => {};
    void import("./plot").then((module) => {
      if (ended || !host.current) return;
      plot.current = new module.Plot(host.current, spec, dataOf(feed, spec), onRead);
      unfollow = follow(feed, spec, plot);
    });
    return () => {
      ended = true;
      unfollow();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [feed, spec, onRead]);
  return { host, plot };
}

function follow(feed: Feed, spec: ChartSpec, plot: RefObject<Plot | null>) {
  let drawn = feed.state.points;
  return feed.subscribe(() => {
    if (feed.state.points === drawn) return;
    drawn = feed.state.points;
    plot.current?.update(dataOf(feed, spec));
  });
}

const dataOf = (feed: Feed, spec: ChartSpec) =>
  columns(
    feed.state.points,
    spec.series.map((series) => series.pick),
  );
