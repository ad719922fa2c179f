/* oxlint-disable no-await-in-loop -- a try follows the one before */
/** Ends a job because the user said so, also one whose id is not known yet. */
import { Patience } from "./patience";
import { pause } from "./wake";
import type { World } from "./world";

const TRIES = 6; // about ten seconds: whoever pressed stop does not wait for more

/** Cancels the job; a network that fails is asked again. Ended and forgotten jobs are as good as cancelled. */
export async function stopJob(jobId: string, world: World): Promise<void> {
  await again(world, async () => {
    const path = `/api/jobs/${encodeURIComponent(jobId)}/cancel`;
    const response = await world.fetch(path, { method: "POST", keepalive: true });
    return response.status < 500;
  });
}

/** Waits for the headers of the POST under way (or sends it again under its key: it may have arrived), then cancels. */
export async function stopEarly(
  posting: Promise<Response> | undefined,
  post: () => Promise<Response>,
  world: World,
): Promise<void> {
  let next = posting;
  await again(world, async () => {
    const response = await (next ?? post()).finally(() => (next = undefined));
    const jobId = response.headers.get("x-sluice-job");
    if (jobId) await stopJob(jobId, world);
    void response.body?.cancel().catch(() => {});
    return true; // a refusal made no job
  });
}

async function again(world: World, attempt: () => Promise<boolean>): Promise<void> {
  const patience = new Patience(world.random);
  for (let n = 0; n < TRIES; n++) {
    if (await attempt().catch(() => false)) return;
    await pause(patience.next() ?? 0);
  }
}
