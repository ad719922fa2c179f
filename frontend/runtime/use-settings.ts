import { useStore } from "@/lib/store";
import type { ThreadSettings } from "@/stream/api";
import { changeSettings } from "./settings";
import { shown } from "./activity";
import { states } from "./thread-state";
import { changeDefaults, defaults, fresh } from "./threads";

const NONE: ThreadSettings = {};

/** The settings of the shown thread, saved a moment after the last change, and those that new chats begin with. */
export function useSettings() {
  const threadId = useStore(shown);
  const own = useStore(states, (all) => (threadId === undefined ? undefined : (all.get(threadId)?.thread?.settings ?? NONE)));
  const chosen = useStore(fresh);
  const usual = useStore(defaults);
  return {
    settings: own ?? chosen ?? usual,
    change: (patch: Partial<ThreadSettings>) => changeSettings(threadId, patch),
    defaults: usual,
    changeDefaults,
  };
}
