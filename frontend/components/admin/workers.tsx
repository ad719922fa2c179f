"use client";
import { memo } from "react";
import { Ago, BeatAge } from "./age";
import { count, duration, rate } from "./format";
import { GpuRow } from "./gpu";
import { Badge, Empty, Panel, type Tone } from "./parts";
import type { Worker, WorkerState } from "./types";
import { useFeed } from "./use-feed";

const STATES: Record<WorkerState, { text: string; tone: Tone; hint: string }> = {
  idle: { text: "idle", tone: "quiet", hint: "asks for jobs, and runs none" },
  busy: { text: "busy", tone: "accent", hint: "runs jobs, and has slots free" },
  full: { text: "full", tone: "accent", hint: "every slot runs a job" },
  not_asking: { text: "takes no jobs", tone: "warn", hint: "drains, or waits for its engine" },
  silent: { text: "silent", tone: "danger", hint: "missed beats; it will be declared lost" },
};

/** The living workers, in the order of their ids so that none changes its place. */
export function WorkersPanel() {
  const workers = useFeed((state) => state.workers);
  return (
    <Panel title="Workers" note={workers ? count(workers.length) : undefined}>
      {!workers && <Empty>Waiting for the first look at the workers.</Empty>}
      {workers?.length === 0 && <NoWorkers />}
      <ul className="grid gap-3 xl:grid-cols-2">
        {workers?.map((worker) => (
          <li key={worker.id} className="min-w-0">
            <WorkerCard worker={worker} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const NoWorkers = () => (
  <Empty>
    <p className="font-medium text-fg">No worker is alive. Jobs are accepted and wait.</p>
    <p className="mt-2">
      On this machine <code className="rounded bg-muted px-1.5 py-0.5 font-mono text-fg">make up</code> starts one; on another with a
      GPU run <code className="rounded bg-muted px-1.5 py-0.5 font-mono text-fg">python -m ollama_worker</code> with the same{" "}
      <code className="rounded bg-muted px-1.5 py-0.5 font-mono text-fg">REDIS_URL</code>.
    </p>
  </Empty>
);

/** A worker. Its card is drawn again when the worker changes, not when it beats. */
const WorkerCard = memo(function WorkerCard({ worker }: { worker: Worker }) {
  const state = STATES[worker.state] ?? { text: worker.state, tone: "quiet" as const, hint: "" };
  return (
    <article aria-label={`Worker ${worker.id}`} className="rounded-xl border border-line p-3">
      <div className="flex items-center gap-2">
        <h3 className="min-w-0 truncate font-mono text-sm" title={worker.id}>
          {worker.id}
        </h3>
        <span className="ml-auto" title={state.hint}>
          <Badge tone={state.tone}>{state.text}</Badge>
        </span>
      </div>
      <p className="mt-0.5 truncate text-xs text-muted-fg">
        {[worker.engine, worker.host].filter(Boolean).join(" on ")} · beat <BeatAge worker={worker.id} />
      </p>
      {worker.detail && <p className="mt-1 text-xs text-muted-fg">{worker.detail.replaceAll("`", "")}</p>}
      <div className="mt-2.5 flex flex-wrap items-center gap-x-4 gap-y-1 text-sm">
        <Slots running={worker.running} slots={worker.slots} />
        {worker.tokens_per_second !== null && <span className="tabular-nums">{rate(worker.tokens_per_second)} tokens/s</span>}
        {worker.job_seconds > 0 && <span className="text-muted-fg tabular-nums">{duration(worker.job_seconds * 1000)} a job</span>}
      </div>
      <Models models={worker.models} />
      {worker.gpus.map((gpu, index) => (
        // oxlint-disable-next-line react/no-array-index-key -- they have no id, and keep their order
        <GpuRow key={`${index}:${gpu.name}`} gpu={gpu} />
      ))}
      <p className="mt-2 text-xs text-muted-fg">
        started <Ago at={worker.since} />
      </p>
    </article>
  );
});

const MOST_PIPS = 16;

/** One pip for each slot, filled where a job runs. */
const Slots = ({ running, slots }: { running: number; slots: number }) => (
  <span className="inline-flex items-center gap-2">
    <span aria-hidden className="inline-flex flex-wrap gap-1">
      {Array.from({ length: Math.min(slots, MOST_PIPS) }, (_, index) => (
        <span key={index} className={`size-2.5 rounded-full border ${index < running ? "border-accent bg-accent" : "border-muted-fg"}`} />
      ))}
    </span>
    <span className="tabular-nums">
      {running} of {slots} slots
    </span>
  </span>
);

function Models({ models }: { models: Worker["models"] }) {
  if (models.length === 0) return <p className="mt-2 text-xs text-muted-fg">no model yet</p>;
  return (
    <ul aria-label="Models" className="mt-2 flex flex-wrap gap-1.5">
      {models.toSorted((first, second) => Number(second.loaded) - Number(first.loaded)).map(({ name, loaded }) => (
        <li key={name} className={`max-w-full truncate rounded-md border px-1.5 py-0.5 font-mono text-xs ${loaded ? "border-line text-fg" : "border-dashed border-line text-muted-fg"}`}>
          {name}
          <span className="font-sans text-muted-fg"> {loaded ? "loaded" : "not loaded"}</span>
        </li>
      ))}
    </ul>
  );
}
