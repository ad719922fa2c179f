import { useEffect } from "react";
import { createStore, useStore } from "@/lib/store";
import { getModels, type ModelList } from "@/stream/api";
import { limits } from "./limits";

type ModelsState = ModelList & { loading: boolean; error: string | null };

const EVERY_MS = 15_000; // so that a worker that joins is seen soon
const models = createStore<ModelsState>({ models: [], engines: [], workers: 0, advice: null, loading: true, error: null });
let watchers = 0;
let timer: ReturnType<typeof setInterval> | undefined;

export async function refresh(): Promise<void> {
  const list = await getModels().catch((error: unknown) => ({
    error: error instanceof Error ? error.message : String(error),
  }));
  if ("limits" in list && list.limits) limits.set({ messages: list.limits.messages, bytes: list.limits.body_bytes });
  models.set((now) => ("error" in list ? { ...now, loading: false, error: list.error } : same(now, list)));
}

/** The state with this list; the old object where nothing is new, so that no component draws again. */
function same(now: ModelsState, list: ModelList): ModelsState {
  const next = { ...list, loading: false, error: null };
  return JSON.stringify(next) === JSON.stringify(now) ? now : next;
}

function look(): void {
  if (document.visibilityState === "visible") void refresh();
}

function watch(): () => void {
  if (watchers++ === 0) {
    void refresh();
    timer = setInterval(look, EVERY_MS);
    document.addEventListener("visibilitychange", look);
  }
  return () => {
    if (--watchers > 0) return;
    clearInterval(timer);
    document.removeEventListener("visibilitychange", look);
  };
}

/** The pool's models, read again and again while the page is visible. */
export function useModels() {
  useEffect(watch, []);
  return { ...useStore(models), refresh };
}
