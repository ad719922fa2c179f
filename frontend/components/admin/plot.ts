import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { ChartSpec, Series } from "./charts";
import { WINDOW_SECONDS, type Columns } from "./points";

const HEIGHT = 132;
const BRIDGED_SECONDS = 30; // a line joins measurements that are this close together; others are drawn as points
const OUTSIDE = { left: -10, top: -10 };
const FONT = "11px ui-sans-serif, system-ui, sans-serif";

/** The values under the cursor: their time (in seconds), and one value for each series. */
export type Reading = { at: number; values: (number | null)[] };

/** One uPlot in `host`, and as wide. It is loaded when the first chart is drawn, never with the page. */
export class Plot {
  private readonly plot: uPlot;
  private readonly ends: (() => void)[];

  constructor(
    private readonly host: HTMLElement,
    spec: ChartSpec,
    data: Columns,
    onRead: (reading: Reading | null) => void,
  ) {
    const hooks = { setCursor: [(plot: uPlot) => onRead(reading(plot))] };
    this.plot = new uPlot({ ...options(spec, host), hooks }, data as uPlot.AlignedData, host);
    this.ends = [this.followSize(), this.followTheme(), () => this.plot.destroy()];
  }

  update(data: Columns) {
    this.plot.setData(data as uPlot.AlignedData);
  }

  /** Puts the cursor so many seconds before the newest point. */
  lookBack(seconds: number) {
    const newest = this.plot.data[0].at(-1);
    if (newest === undefined) return;
    this.plot.setCursor({ left: this.plot.valToPos(newest - seconds, "x"), top: this.plot.over.clientHeight / 2 });
  }

  leave() {
    this.plot.setCursor(OUTSIDE);
  }

  destroy() {
    for (const end of this.ends) end();
  }

  private followSize() {
    const observer = new ResizeObserver(() => this.plot.setSize({ width: this.host.clientWidth, height: HEIGHT }));
    observer.observe(this.host);
    return () => observer.disconnect();
  }

  /** Draws anew when the theme changes, since colours are read while drawing. */
  private followTheme() {
    const observer = new MutationObserver(() => this.plot.redraw(false, true));
    observer.observe(document.documentElement, { attributeFilter: ["class"] });
    return () => observer.disconnect();
  }
}

function reading({ cursor, data }: uPlot): Reading | null {
  const at = cursor.idx == null ? undefined : data[0][cursor.idx];
  if (at === undefined || cursor.idx == null) return null;
  const index = cursor.idx;
  return { at, values: data.slice(1).map((column) => (column as (number | null)[])[index] ?? null) };
}

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(spec: ChartSpec, host: HTMLElement): uPlot.Options {
  const axis = { stroke: () => colour("--muted-fg"), font: FONT, ticks: { show: false } };
  const grid = { stroke: () => colour("--line"), width: 0.5 };
  return {
    width: host.clientWidth,
    height: HEIGHT,
    padding: [8, 18, 0, 0], // half of the last time's words at the right
    legend: { show: false },
    cursor: { y: false, sync: { key: "admin", setSeries: false }, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { range: lastWindow }, y: { range: (_, __, max) => [0, Math.max(spec.least, (max ?? 0) * 1.1)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 50, values: (_, splits) => splits.map(hourAndMinute) },
      { ...axis, grid, size: 58, space: 32, values: (_, splits) => splits.map((value) => spec.format(value).replace(/\.0(?!\d)/, "")), incrs: spec.whole ? WHOLE : undefined },
    ],
    series: [{}, ...spec.series.map(line)],
  };
}

const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

const lastWindow: uPlot.Range.Function = (_, __, max) => {
  const last = max ?? Date.now() / 1000;
  return [last - WINDOW_SECONDS, last];
};

function line(series: Series): uPlot.Series {
  return {
    label: series.label,
    stroke: () => colour(series.colour),
    fill: () => (series.line === "solid" ? `color-mix(in srgb, ${colour(series.colour)} 12%, transparent)` : "transparent"),
    width: 1.75,
    dash: series.line === "dashed" ? [6, 3] : undefined,
    points: { size: 5 },
    gaps: (plot, _, __, ___, gaps) => gaps.filter(([from, to]) => wide(plot, from, to)),
  };
}

const wide = (plot: uPlot, from: number, to: number) => plot.posToVal(to, "x", true) - plot.posToVal(from, "x", true) > BRIDGED_SECONDS;

const hourAndMinute = (seconds: number) => new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
