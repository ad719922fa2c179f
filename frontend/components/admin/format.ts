/** Numbers and times as an operator reads them: two figures are enough, and the unit is always there. */

const COUNT = new Intl.NumberFormat("en");
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const MOMENT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** What stands where a value is not known. */
export const NONE = "–";

export const count = (value: number | null | undefined) => (value == null ? NONE : COUNT.format(value));

/** Tokens a second: one decimal while it is small. */
export const rate = (value: number | null | undefined) =>
  value == null ? NONE : value === 0 ? "0" : value < 100 ? value.toFixed(1) : COUNT.format(Math.round(value));

/** Milliseconds as `85 ms`, `1.4 s`, `2 min 05 s`, `3 h 07 min`, `2 d 4 h`. */
export function duration(ms: number | null | undefined): string {
  if (ms == null || !Number.isFinite(ms)) return NONE;
  if (ms < 999.5) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  return longer(Math.round(ms / 1000));
}

function longer(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** How long ago, in whole units, so that a glance is enough and the text seldom changes. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** MiB as GiB, `11.4 / 24 GiB`. */
export function memory(usedMb: number | null, totalMb: number | null): string {
  if (usedMb == null) return NONE;
  const used = (usedMb / 1024).toFixed(1);
  return totalMb == null ? `${used} GiB` : `${used} / ${Math.round(totalMb / 1024)} GiB`;
}

export const timeOfDay = (ms: number) => CLOCK.format(ms);
export const moment = (at: string) => MOMENT.format(new Date(at));

/** The start of an id: enough to tell jobs apart on one page. */
export const shortId = (id: string) => (id.length > 10 ? id.slice(0, 8) : id);

/** `worker_lost` as words. */
export const words = (code: string) => code.replaceAll("_", " ");
