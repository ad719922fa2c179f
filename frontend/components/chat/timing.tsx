"use client";
import { CopyButton } from "@/components/ui/copy-button";
import { usePopover } from "@/components/ui/popover";
import { duration, speed } from "@/components/ui/words";
import { useAnswer, type AnswerMeta } from "@/runtime";

/** The times of an answer in one small line, with the details on demand. */
export function Timing() {
  const answer = useAnswer();
  const line = answer ? summary(answer) : "";
  const { open, setOpen, button, panel } = usePopover<HTMLElement>("start");
  if (!answer || !line) return null;
  return (
    <>
      <button
        ref={button}
        type="button"
        data-testid="timing"
        aria-expanded={open}
        title="Details of this answer"
        onClick={() => setOpen(!open)}
        className="h-7 min-w-0 cursor-pointer truncate rounded-md px-2 text-xs text-muted-fg tabular-nums hover:bg-muted hover:text-fg"
      >
        {line}
      </button>
      {open && (
        <section ref={panel} popover="manual" aria-label="Details of this answer" className="popover w-80 p-4">
          <Details answer={answer} />
        </section>
      )}
    </>
  );
}

function summary({ firstTokenMs, tokensPerSecond, worker, phase }: AnswerMeta): string {
  const parts = [
    phase === "cancelled" && "stopped",
    firstTokenMs !== undefined && `first token ${duration(firstTokenMs)}`,
    !!tokensPerSecond && speed(tokensPerSecond),
    worker && `worker ${shortId(worker)}`,
  ];
  return parts.filter(Boolean).join(" · ");
}

/** A worker's id, shortened: its end marks one life of the worker, which is noise in a line. */
const shortId = (workerId: string) => (workerId.length > 24 ? `${workerId.slice(0, 22)}…` : workerId);

const took = (ms: number | undefined) => (ms === undefined ? undefined : duration(ms));

function Details({ answer }: { answer: AnswerMeta }) {
  const rows: [string, string | undefined][] = [
    ["Model", answer.model],
    ["Worker", answer.worker],
    ["Waited in the queue", took(answer.queuedMs)],
    ["Model loaded in", took(answer.loadMs)],
    ["Prompt read in", took(answer.promptMs)],
    ["First token after", took(answer.firstTokenMs)],
    ["Answer written in", took(answer.generateMs)],
    ["Altogether", took(answer.totalMs)],
    ["Speed", answer.tokensPerSecond ? speed(answer.tokensPerSecond) : undefined],
    ["Tokens read", answer.promptTokens?.toLocaleString()],
    ["Tokens written", answer.completionTokens?.toLocaleString()],
    ["Attempt", answer.attempt && answer.attempt > 1 ? String(answer.attempt) : undefined],
    ["Ended by", answer.finishReason === "length" ? "the token limit" : undefined],
  ];
  return (
    <>
      <dl className="grid grid-cols-[auto_1fr] gap-x-5 gap-y-1.5 text-sm">
        {rows.map(([name, value]) =>
          value ? (
            <div key={name} className="contents">
              <dt className="text-muted-fg">{name}</dt>
              <dd className="min-w-0 text-right break-words tabular-nums">{value}</dd>
            </div>
          ) : null,
        )}
      </dl>
      {answer.jobId && (
        <div className="mt-3 flex items-center gap-1 border-t border-line pt-2 text-xs text-muted-fg">
          <span>Job</span>
          <code className="min-w-0 flex-1 truncate font-mono">{answer.jobId}</code>
          <CopyButton text={answer.jobId} label="Copy the job's id" className="size-8" />
        </div>
      )}
    </>
  );
}
