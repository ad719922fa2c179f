/* oxlint-disable no-await-in-loop -- a try follows the one before */
/** Cancels the job of a user who presses stop, also a job whose id is not known yet. */
import { Patience } from "./patience";
import { pause } from "./wake";
import type { World } from "./world";

const TRIES = 6; // about ten seconds: a user who pressed stop does not wait longer

/**
 * Cancels the job, with another try when the network fails. A job that has ended or is forgotten counts as cancelled.
 */
export async function stopJob(jobId: string, world: World): Promise<void> {
  await retry(world, async () => {
    const path = `/api/jobs/${encodeURIComponent(jobId)}/cancel`;
    const response = await world.fetch(path, { method: "POST", keepalive: true });
    return response.status < 500;
  });
}

/**
 * Waits for the headers of the running POST, or repeats the POST under its key because it may have arrived; then
 * cancels.
 */
export async function stopEarly(
  posting: Promise<Response> | undefined,
  post: () => Promise<Response>,
  world: World,
): Promise<void> {
  let next = posting;
  await retry(world, async () => {
    const response = await (next ?? post()).finally(() => (next = undefined));
    const jobId = response.headers.get("x-sluice-job");
    if (jobId) await stopJob(jobId, world);
    void response.body?.cancel().catch(() => {});
    return true; // a refused turn has no job
  });
}

async function retry(world: World, attempt: () => Promise<boolean>): Promise<void> {
  const patience = new Patience(world.random);
  for (let n = 0; n < TRIES; n++) {
    if (await attempt().catch(() => false)) return;
    await pause(patience.next() ?? 0);
  }
}
