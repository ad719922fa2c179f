"use client";
import { age, duration, moment } from "./format";
import { useTicking } from "./use-feed";

/** How long ago something happened, by the server's clock; the moment itself is its hint. */
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

/** Past ten seconds tenths only flicker. */
const coarse = (ms: number | null) => (ms !== null && ms > 10_000 ? Math.round(ms / 1000) * 1000 : ms);

/** Age of a worker's last beat. While no news comes it stands still: the worker may be well, only the page knows nothing. */
export function BeatAge({ worker }: { worker: string }) {
  const text = useTicking((now, { beats, connection, trouble, updatedAt }) => {
    const beat = beats[worker];
    if (beat === undefined) return "";
    return `${age((connection === "live" && trouble === null ? now : (updatedAt ?? now)) - beat)} ago`;
  });
  return <span className="inline-block min-w-[6ch] tabular-nums">{text}</span>;
}

/** Age of what the page shows. */
export function UpdateAge() {
  const text = useTicking((now, { updatedAt }) => (updatedAt === null ? "nothing received yet" : `last update ${age(now - updatedAt)} ago`));
  return <span className="tabular-nums">{text}</span>;
}
