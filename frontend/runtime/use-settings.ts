import { useStore } from "@/lib/store";
import type { ThreadSettings } from "@/stream/api";
import { changeSettings } from "./settings";
import { shown } from "./thread-states";
import { changeDefaults, defaults, fresh, threads } from "./threads";

const NONE: ThreadSettings = {};

/** Settings of the shown thread, saved a moment after the last change, and those that new chats begin with. */
export function useSettings() {
  const threadId = useStore(shown);
  const own = useStore(threads, (all) => (threadId === undefined ? undefined : (all[threadId]?.settings ?? NONE)));
  const chosen = useStore(fresh);
  const usual = useStore(defaults);
  return {
    settings: own ?? chosen ?? usual,
    change: (patch: Partial<ThreadSettings>) => changeSettings(threadId, patch),
    defaults: usual,
    changeDefaults,
  };
}
