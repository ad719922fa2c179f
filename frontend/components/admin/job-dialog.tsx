"use client";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Dialog } from "@/components/ui/dialog";
import { Ago, Span } from "./age";
import { count, duration, NONE, shortId, words } from "./format";
import { isLive, StateBadge, type JobActions } from "./job-parts";
import { ranMs, waitedMs } from "./timeline";
import { Timeline } from "./timeline-view";
import type { Job } from "./types";
import { useListing } from "./use-listing";

const EVERY_MS = 1000;

type JobDialogProps = Pick<JobActions, "onCancel"> & { job: Job | null; onClose: () => void };

/** A job with all that is known of it except its text. */
export const JobDialog = ({ job, onClose, onCancel }: JobDialogProps) => (
  <Dialog open={job !== null} onClose={onClose} title={`Job ${shortId(job?.id ?? "")}`} className="w-[min(44rem,calc(100vw-1rem))]">
    {job && <Detail known={job} onCancel={onCancel} />}
  </Dialog>
);

/** Shows at once what the list knew of the job, and then keeps it current. */
function Detail({ known, onCancel }: Pick<JobActions, "onCancel"> & { known: Job }) {
  const { data, error } = useListing<Job>(`/api/admin/jobs/${encodeURIComponent(known.id)}`, EVERY_MS);
  const job = data ?? known;
  return (
    <div className="grid gap-5 overflow-y-auto p-5 text-sm">
      <div className="flex flex-wrap items-center gap-2">
        <StateBadge state={job.state} />
        {job.why && <span className="text-muted-fg">{words(job.why)}</span>}
        {isLive(job) && (
          <Button look="danger" className="ml-auto" onClick={() => onCancel(job)}>
            Cancel
          </Button>
        )}
      </div>
      {error && (
        <p role="alert" className="text-danger">
          {error}
        </p>
      )}
      <Timeline job={job} />
      <Facts job={job} />
    </div>
  );
}

const Facts = ({ job }: { job: Job }) => (
  <dl className="grid grid-cols-[7.5rem_minmax(0,1fr)] gap-x-4 gap-y-1.5">
    <Fact title="Id">
      <span className="flex items-center gap-1">
        <span className="min-w-0 font-mono break-all">{job.id}</span>
        <CopyButton text={job.id} label="Copy the id" className="size-7 [&_svg]:size-3.5" />
      </span>
    </Fact>
    <Fact title="Tenant">{job.tenant}</Fact>
    <Fact title="Class">{job.class}</Fact>
    <Fact title="Model">{job.model}</Fact>
    <Fact title="Worker">{job.worker ?? NONE}</Fact>
    <Fact title="Attempts">{count(job.attempt)}</Fact>
    <Fact title="Tries charged">{count(job.tries)}</Fact>
    <Fact title="Accepted">
      <Ago at={job.accepted_at} />
    </Fact>
    <Fact title="Waited">
      <Span measure={(now) => waitedMs(job, now)} />
    </Fact>
    <Fact title="Ran">
      <Span measure={(now) => ranMs(job, now)} />
    </Fact>
    <Fact title="First token">{duration(job.timings?.first_token_ms)}</Fact>
    <Fact title="Model loading">{duration(job.timings?.load_ms)}</Fact>
    <Fact title="Tokens">{`${count(job.usage?.prompt_tokens)} in, ${count(job.usage?.completion_tokens)} out`}</Fact>
  </dl>
);

const Fact = ({ title, children }: { title: string; children: ReactNode }) => (
  <>
    <dt className="text-muted-fg">{title}</dt>
    <dd className="min-w-0 break-words tabular-nums">{children}</dd>
  </>
);
