"use client";
import { CircleX } from "lucide-react";
import { memo } from "react";
import { cn } from "@/components/ui/cn";
import { IconButton } from "@/components/ui/icon-button";
import { Ago, Span } from "./age";
import { count, NONE, shortId } from "./format";
import { isLive, matches, StateBadge, type JobActions } from "./job-parts";
import { pageQuery, Pager, usePages } from "./paging";
import { Empty } from "./parts";
import { Cell, FROM_LG, FROM_MD, FROM_SM, IdCell, Row, Table, type Column } from "./table";
import { ranMs, waitedMs } from "./timeline";
import type { Job, JobPage } from "./types";
import { useListing } from "./use-listing";

const LIVE_MS = 2000;
const ENDED_MS = 5000;

const COLUMNS: Column[] = [
  { title: "Job", className: "w-25 sm:w-34" },
  { title: "State", className: "w-28" },
  { title: "Tenant", className: FROM_MD },
  { title: "Class", className: cn("w-26", FROM_LG) },
  { title: "Model", className: FROM_SM },
  { title: "Worker", className: FROM_LG },
  { title: "Waited", className: "w-28 text-right max-sm:hidden" },
  { title: "Ran", className: "text-right sm:w-28" },
  { title: "Tokens", className: cn("w-20 text-right", FROM_LG) },
  { title: "Accepted", className: cn("w-24 text-right", FROM_LG) },
];
const LIVE_COLUMNS = [...COLUMNS, { title: "Cancel", className: "w-11 sm:w-14", spoken: true }];

type JobListProps = JobActions & { view: "live" | "ended"; filter: string };

export function JobList({ view, filter, ...actions }: JobListProps) {
  const pages = usePages();
  const listing = useListing<JobPage>(`/api/admin/jobs?${pageQuery({ state: view }, pages.cursor)}`, view === "live" ? LIVE_MS : ENDED_MS);
  const jobs = listing.data?.jobs.filter((job) => matches(job, filter)) ?? [];
  return (
    <>
      {jobs.length > 0 ? (
        <Table label={view === "live" ? "Live jobs" : "Ended jobs"} columns={view === "live" ? LIVE_COLUMNS : COLUMNS}>
          {jobs.map((job) => (
            <JobRow key={job.id} job={job} live={view === "live"} {...actions} />
          ))}
        </Table>
      ) : (
        <Empty>{nothing(listing.data, view, filter)}</Empty>
      )}
      <Pager pages={pages} next={listing.data?.next_cursor ?? null} listing={listing} />
    </>
  );
}

function nothing(data: JobPage | null, view: "live" | "ended", filter: string): string {
  if (!data) return "Asking for the jobs.";
  if (data.jobs.length > 0) return `No job on this page matches “${filter}”.`;
  return view === "live" ? "No job waits or runs." : "No job has ended yet.";
}

const JobRow = memo(function JobRow({ job, live, onOpen, onCancel }: JobActions & { job: Job; live: boolean }) {
  return (
    <Row>
      <IdCell id={job.id} onOpen={() => onOpen(job)} />
      <Cell>
        <StateBadge state={job.state} />
      </Cell>
      <Cell className={FROM_MD} title={job.tenant}>
        {job.tenant}
      </Cell>
      <Cell className={FROM_LG}>{job.class}</Cell>
      <Cell className={FROM_SM} title={job.model}>
        {job.model}
      </Cell>
      <Cell className={cn("font-mono text-xs", FROM_LG)} title={job.worker ?? undefined}>
        {job.worker ?? NONE}
      </Cell>
      <Cell className={cn("text-right", FROM_SM)}>
        <Span measure={(now) => waitedMs(job, now)} />
      </Cell>
      <Cell className="text-right">
        <Span measure={(now) => ranMs(job, now)} />
      </Cell>
      <Cell className={cn("text-right tabular-nums", FROM_LG)}>{count(job.usage?.completion_tokens)}</Cell>
      <Cell className={cn("text-right text-muted-fg", FROM_LG)}>
        <Ago at={job.accepted_at} />
      </Cell>
      {live && (
        <td className="pr-1 text-center">
          <IconButton label={`Cancel job ${shortId(job.id)}`} disabled={!isLive(job)} onClick={() => onCancel(job)} className="relative size-8">
            <CircleX />
          </IconButton>
        </td>
      )}
    </Row>
  );
});
