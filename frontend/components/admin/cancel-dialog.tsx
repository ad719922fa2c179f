"use client";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { request } from "@/stream/api";
import { shortId } from "./format";
import type { Job } from "./types";

type CancelProps = { job: Job; onClose: () => void };

/** Asks for confirmation before a job is cancelled: its caller keeps the text so far and gets no more. */
export const CancelDialog = ({ job, onClose }: { job: Job | null; onClose: () => void }) => (
  <Dialog open={job !== null} onClose={onClose} title="Cancel this job?">
    {job && <Question job={job} onClose={onClose} />}
  </Dialog>
);

function Question({ job, onClose }: CancelProps) {
  const { cancel, busy, error } = useCancel(job, onClose);
  return (
    <div className="grid gap-4 p-5 text-sm">
      <p>
        <code className="font-mono">{shortId(job.id)}</code> of {job.tenant} is {job.state}. Its caller keeps the text so far and gets
        no more. This cannot be undone.
      </p>
      {error && (
        <p role="alert" className="text-danger">
          {error}
        </p>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Keep it</Button>
        <Button look="danger" disabled={busy} onClick={cancel}>
          Cancel the job
        </Button>
      </div>
    </div>
  );
}

function useCancel(job: Job, onDone: () => void) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const cancel = () => {
    setBusy(true);
    setError(null);
    request(`/api/admin/jobs/${encodeURIComponent(job.id)}/cancel`, { method: "POST" })
      .then(onDone, (reason: Error) => setError(reason.message))
      .finally(() => setBusy(false));
  };
  return { cancel, busy, error };
}
