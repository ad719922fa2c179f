"use client";
import { useState } from "react";
import { CancelDialog } from "./cancel-dialog";
import { DeadList } from "./dead-list";
import { JobDialog } from "./job-dialog";
import { JobList } from "./job-list";
import { Panel } from "./parts";
import { Tabs } from "./tabs";
import type { Job } from "./types";

type JobsView = "live" | "ended" | "dead";

const VIEWS: { value: JobsView; label: string }[] = [
  { value: "live", label: "Live" },
  { value: "ended", label: "Ended" },
  { value: "dead", label: "Dead letters" },
];

/** Jobs that live, jobs that ended, and jobs that no worker could do; each of them opens to its timeline. */
export function JobsPanel() {
  const [view, setView] = useState<JobsView>("live");
  const [filter, setFilter] = useState("");
  const [opened, setOpened] = useState<Job | null>(null);
  const [cancelling, setCancelling] = useState<Job | null>(null);
  const actions = { onOpen: setOpened, onCancel: setCancelling };
  return (
    <Panel title="Jobs">
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <Tabs id="jobs" label="Which jobs" value={view} tabs={VIEWS} onChange={setView} />
        <input
          type="search"
          aria-label="Filter this page"
          placeholder="Filter this page"
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
          className="h-9 w-full rounded-lg border border-line bg-bg px-3 text-sm placeholder:text-muted-fg sm:ml-auto sm:w-60"
        />
      </div>
      <div role="tabpanel" id="jobs-panel" aria-labelledby={`jobs-${view}`}>
        {view === "dead" ? (
          <DeadList filter={filter} onOpen={setOpened} />
        ) : (
          <JobList key={view} view={view} filter={filter} {...actions} />
        )}
      </div>
      <JobDialog job={opened} onClose={() => setOpened(null)} onCancel={setCancelling} />
      <CancelDialog job={cancelling} onClose={() => setCancelling(null)} />
    </Panel>
  );
}
