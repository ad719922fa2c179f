"use client";
import { cn } from "@/components/ui/cn";
import { duration, timeOfDay, words } from "./format";
import { stages, steps, type Phase, type Stage, type TimelineStep } from "./timeline";
import type { Job } from "./types";
import { useServerNow } from "./use-feed";

const LOOKS: Record<Phase, { name: string; className: string }> = {
  queue: { name: "in the queue", className: "bg-warn" },
  given: { name: "given, not begun", className: "bg-muted-fg" },
  run: { name: "running", className: "bg-accent" },
};

/** A job's life: above its stretches to scale, below every mark with its time and the time since the mark before. */
export function Timeline({ job }: { job: Job }) {
  const now = useServerNow(job.ended_at === null);
  const parts = stages(job, now);
  return (
    <section aria-label="Timeline">
      <Stretches parts={parts} />
      <ol className="mt-3">
        {steps(job).map((step) => (
          <Mark key={`${step.at} ${step.kind} ${step.label}`} step={step} />
        ))}
      </ol>
    </section>
  );
}

/** The stretches. Each has a width that can be seen, however short it was. */
function Stretches({ parts }: { parts: Stage[] }) {
  const total = parts.reduce((sum, part) => sum + part.until - part.from, 0);
  const seen = [...new Set(parts.map((part) => part.phase))];
  return (
    <>
      <div aria-hidden className="flex h-3 gap-0.5 overflow-hidden rounded-full bg-muted">
        {parts.map((part) => (
          <div
            key={`${part.phase}${part.attempt}${part.from}`}
            title={`${LOOKS[part.phase].name}: ${duration(part.until - part.from)}`}
            className={cn("min-w-1", LOOKS[part.phase].className)}
            style={{ flexGrow: total > 0 ? Math.max(0.001, (part.until - part.from) / total) : 1 }}
          />
        ))}
      </div>
      <ul className="mt-1.5 flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted-fg">
        {seen.map((phase) => (
          <li key={phase} className="inline-flex items-center gap-1.5">
            <span aria-hidden className={cn("size-2 rounded-full", LOOKS[phase].className)} />
            {LOOKS[phase].name} {duration(parts.filter((part) => part.phase === phase).reduce((sum, part) => sum + part.until - part.from, 0))}
          </li>
        ))}
      </ul>
    </>
  );
}

const DOTS: Record<string, string> = {
  accepted: "border-muted-fg bg-bg",
  given: "border-muted-fg bg-muted-fg",
  started: "border-accent bg-accent",
  returned: "border-warn bg-warn",
  ended: "border-fg bg-fg",
};

const Mark = ({ step }: { step: TimelineStep }) => (
  <li className="group relative grid grid-cols-[1rem_minmax(0,1fr)_auto] items-baseline gap-x-3 pb-2.5">
    <span aria-hidden className="absolute top-4 bottom-0 left-[5px] w-px bg-line group-last:hidden" />
    <span aria-hidden className={cn("size-[11px] self-start rounded-full border-2 mt-1", DOTS[step.kind] ?? "border-muted-fg bg-bg")} />
    <span className="min-w-0 break-words">
      {step.label}
      {step.detail && <span className="text-muted-fg"> · {words(step.detail)}</span>}
    </span>
    <span className="flex gap-x-3 text-right text-muted-fg tabular-nums max-sm:flex-col">
      {step.afterMs !== null && <span>{`+${duration(step.afterMs)}`}</span>}
      <time dateTime={step.at}>{timeOfDay(Date.parse(step.at))}</time>
    </span>
  </li>
);
