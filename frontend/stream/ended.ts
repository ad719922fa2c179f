/** How a job ended, for a job whose log has nothing more to read. */
import { errorOf } from "./api";
import type { Completed, Failed, WireEvent } from "./events";
import type { World } from "./world";

type JobView = {
  state: string;
  error: Pick<Failed, "code" | "message" | "retryable"> | null;
  finish_reason: string | null;
  usage: Completed["usage"] | null;
  timings: Completed["timings"] | null;
};

/** The job's terminal event, made of its record. Raises ApiError, and Error for a job that still runs. */
export async function endOf(jobId: string, world: World, signal: AbortSignal): Promise<WireEvent> {
  const response = await world.fetch(`/api/jobs/${encodeURIComponent(jobId)}`, { signal });
  if (!response.ok) throw await errorOf(response);
  const job = (await response.json()) as JobView;
  if (job.state === "cancelled") return { type: "cancelled" };
  if (job.state === "failed") return { type: "failed", code: "failed", message: "The job failed.", ...job.error };
  if (job.state !== "completed") throw new Error("not over yet");
  const { finish_reason, usage, timings } = job;
  return { type: "completed", finish_reason: finish_reason ?? "stop", usage: usage ?? {}, timings: timings ?? {} };
}
