/** Sends a chat's settings to the server: a moment after the last change, one request after the other. */
import { patchThread, type ThreadSettings } from "@/stream/api";
import { notify, sentence } from "./notices";
import { report } from "./tabs";
import { changeState, schedule, stateOf, states } from "./thread-state";
import { fresh, listChanged, remember, settingsOf } from "./threads";
import { timer } from "./timer";

const SAVE_MS = 400; // a slider reports every step
let saving = Promise.resolve();

export function changeSettings(threadId: string | undefined, patch: Partial<ThreadSettings>): void {
  const settings = { ...settingsOf(threadId), ...patch };
  const thread = threadId === undefined ? undefined : stateOf(threadId).thread;
  if (!thread) return fresh.set(settings);
  changeState(thread.id, { unsavedSettings: settings });
  remember(thread);
  schedule(thread.id, "settings", timer(() => (saving = saving.then(() => save(thread.id))), SAVE_MS));
}

/** Sends now what still waits, or is on its way, in requests that outlive the page. */
export function saveAtOnce(): void {
  for (const [threadId, { unsavedSettings }] of states.get()) {
    if (!unsavedSettings) continue;
    schedule(threadId, "settings");
    void save(threadId, true);
  }
}

async function save(threadId: string, keepalive = false): Promise<void> {
  const settings = stateOf(threadId).unsavedSettings;
  if (!settings) return;
  const thread = await patchThread(threadId, { settings }, keepalive).catch((error: unknown) => {
    notify(`The chat's settings were not saved. ${sentence(error)}`);
  });
  if (stateOf(threadId).unsavedSettings === settings) changeState(threadId, { unsavedSettings: undefined });
  if (!thread) return;
  remember(thread);
  listChanged(); // a list that was requested before may arrive after
  report({ type: "list" });
}
