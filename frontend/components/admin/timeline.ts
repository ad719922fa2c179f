import type { Job, Mark } from "./types";

/** queue: waits for a worker. given: a worker has it and has not begun. run: an attempt runs. */
export type Phase = "queue" | "given" | "run";

export type Stage = { phase: Phase; from: number; until: number; attempt: number | null };

export type TimelineStep = { at: string; label: string; detail: string; kind: string; afterMs: number | null };

const kindOf = (mark: Mark) => mark.what.split(":")[0]!;
const attemptOf = (mark: Mark) => Number(mark.what.split(":")[1] ?? 0) || null;
const time = (mark: Mark) => Date.parse(mark.at);

/** The phase that a mark begins; the end begins none. */
const BEGINS: Record<string, Phase> = { accepted: "queue", returned: "queue", given: "given", started: "run" };

/** A job's life in stretches. `now`, in server time, ends the last stretch of a job that lives. */
export function stages(job: Job, now: number): Stage[] {
  const marks = normal(job);
  return marks.flatMap((mark, index) => {
    const phase = BEGINS[kindOf(mark)];
    if (!phase) return [];
    const next = marks[index + 1];
    return [{ phase, from: time(mark), until: Math.max(time(mark), next ? time(next) : now), attempt: attemptOf(mark) }];
  });
}

/** A job's marks. Where no mark has an attempt's start, the attempt counts as started when the job was given. */
function normal(job: Job): Mark[] {
  const marks = job.timeline.length > 0 ? job.timeline : [{ at: job.accepted_at, what: "accepted", detail: "" }];
  const isMarked = marks.some((mark) => kindOf(mark) === "started");
  const begun = isMarked ? marks : marks.map((mark) => ({ ...mark, what: mark.what.replace("given", "started") }));
  if (!job.ended_at || begun.some((mark) => kindOf(mark) === "ended")) return begun;
  return [...begun, { at: job.ended_at, what: "ended", detail: job.state }];
}

const sum = (parts: Stage[]) => parts.reduce((total, part) => total + part.until - part.from, 0);

/** Milliseconds until the job first ran; where it never ran, until its end or until now. */
export function waitedMs(job: Job, now: number): number {
  const parts = stages(job, now);
  const first = parts.findIndex((part) => part.phase === "run");
  return sum(first < 0 ? parts : parts.slice(0, first));
}

/** Milliseconds that the attempts of the job ran together; null: none has run. */
export function ranMs(job: Job, now: number): number | null {
  const parts = stages(job, now).filter((part) => part.phase === "run");
  return parts.length > 0 ? sum(parts) : null;
}

/** The marks as sentences, each with the time since the one before it. */
export function steps(job: Job): TimelineStep[] {
  return job.timeline.map((mark, index) => {
    const before = job.timeline[index - 1];
    return {
      at: mark.at,
      kind: kindOf(mark),
      label: label(mark),
      detail: kindOf(mark) === "accepted" ? "" : mark.detail,
      afterMs: before ? time(mark) - time(before) : null,
    };
  });
}

const LABELS: Record<string, string> = {
  accepted: "Accepted",
  given: "Given to a worker",
  started: "Started",
  returned: "Returned to the queue",
  ended: "Ended",
};

function label(mark: Mark): string {
  const attempt = attemptOf(mark);
  const text = LABELS[kindOf(mark)] ?? mark.what;
  return attempt && kindOf(mark) !== "returned" ? `${text}, attempt ${attempt}` : text;
}
