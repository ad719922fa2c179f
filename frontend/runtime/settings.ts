/** Settings of a chat on their way to the server: a moment after the last change, one request after the other. */
import { patchThread, type ThreadSettings } from "@/stream/api";
import { notify, sentence } from "./notices";
import { tell } from "./tabs";
import { fresh, listChanged, remember, settingsOf, threads, unsaved } from "./threads";

const SAVE_MS = 400; // a slider tells every step
const timers = new Map<string, ReturnType<typeof setTimeout>>();
let saving = Promise.resolve();

export function changeSettings(threadId: string | undefined, patch: Partial<ThreadSettings>): void {
  const settings = { ...settingsOf(threadId), ...patch };
  const thread = threadId === undefined ? undefined : threads.get()[threadId];
  if (!thread) return fresh.set(settings);
  const { id } = thread;
  unsaved.set(id, settings);
  remember(thread);
  clearTimeout(timers.get(id));
  timers.set(
    id,
    setTimeout(() => (saving = saving.then(() => save(id))), SAVE_MS),
  );
}

/** What still waits, or is on its way, goes now and outlives the page that goes away. */
export function saveAtOnce(): void {
  for (const id of unsaved.keys()) {
    clearTimeout(timers.get(id));
    void save(id, true);
  }
}

async function save(threadId: string, keepalive = false): Promise<void> {
  timers.delete(threadId);
  const settings = unsaved.get(threadId);
  if (!settings) return;
  const thread = await patchThread(threadId, { settings }, keepalive).catch((error: unknown) => {
    notify(`The chat's settings were not saved. ${sentence(error)}`);
  });
  if (unsaved.get(threadId) === settings) unsaved.delete(threadId);
  if (!thread) return;
  remember(thread);
  listChanged(); // a list that was asked for before may come after
  tell({ type: "list" });
}
