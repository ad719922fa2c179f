"use client";
import { age, duration, moment } from "./format";
import { useTicking } from "./use-feed";

/** How long ago something happened, by the server's clock; the moment itself is the hint. */
export function Ago({ at }: { at: string }) {
  const text = useTicking((now, { skew }) => `${age(now + skew - Date.parse(at))} ago`);
  return (
    <time dateTime={at} title={moment(at)} className="whitespace-nowrap tabular-nums">
      {text}
    </time>
  );
}

/** How long something takes or took: `measure` gets the server's time in milliseconds. */
export function Span({ measure }: { measure: (now: number) => number | null }) {
  const text = useTicking((now, { skew }) => duration(coarse(measure(now + skew))));
  return <span className="whitespace-nowrap tabular-nums">{text}</span>;
}

/** Whole seconds above ten seconds, where tenths would only flicker. */
const coarse = (ms: number | null) => (ms !== null && ms > 10_000 ? Math.round(ms / 1000) * 1000 : ms);

/**
 * The age of a worker's last beat. It stands still while no snapshot comes, because then the page does not know how the
 * worker is.
 */
export function BeatAge({ worker }: { worker: string }) {
  const text = useTicking((now, { beats, connection, trouble, updatedAt }) => {
    const beat = beats[worker];
    if (beat === undefined) return "";
    return `${age((connection === "live" && trouble === null ? now : (updatedAt ?? now)) - beat)} ago`;
  });
  return <span className="inline-block min-w-[6ch] tabular-nums">{text}</span>;
}

/** The age of what the page shows. */
export function UpdateAge() {
  const text = useTicking((now, { updatedAt }) => (updatedAt === null ? "nothing received yet" : `last update ${age(now - updatedAt)} ago`));
  return <span className="tabular-nums">{text}</span>;
}
