/** What the lists of jobs and the dialog of one job share. */
import { Badge, type Tone } from "./parts";
import type { Job, JobState } from "./types";

/** What may be done with a job of a list. */
export type JobActions = { onOpen: (job: Job) => void; onCancel: (job: Job) => void };

const TONES: Record<JobState, Tone> = { queued: "quiet", running: "accent", completed: "good", failed: "danger", cancelled: "warn" };

export const StateBadge = ({ state }: { state: JobState }) => <Badge tone={TONES[state] ?? "quiet"}>{state}</Badge>;

export const isLive = (job: Job) => job.state === "queued" || job.state === "running";

/** Does any of what the row shows contain the text? */
export function matches(job: Job, filter: string): boolean {
  const text = filter.trim().toLowerCase();
  const shown = [job.id, job.state, job.tenant, job.class, job.model, job.worker, job.why];
  return !text || shown.some((field) => field?.toLowerCase().includes(text));
}
