"use client";
import { useCallback, useEffect, useRef, useState } from "react";
import { request } from "@/stream/api";
import { share } from "./share";
import { useFeedItself } from "./use-feed";

type ListingState<T> = { data: T | null; error: string | null };
export type Listing<T> = ListingState<T> & { refresh: () => void };

/**
 * The answer of `path`, requested again with events of the stream, at most every `everyMs`: a pause of the stream stops
 * it, too.
 */
export function useListing<T>(path: string, everyMs: number): Listing<T> {
  const feed = useFeedItself();
  const [state, setState] = useState<ListingState<T>>({ data: null, error: null });
  const loading = useRef(() => {});
  useEffect(() => {
    const ends = new AbortController();
    let busy = false;
    let requestedAt = 0;
    const load = async () => {
      busy = true;
      requestedAt = Date.now();
      const next = await answer<T>(path, ends.signal);
      busy = false;
      if (!ends.signal.aborted) setState((old) => share(old, { data: next.data ?? old.data, error: next.error }));
    };
    loading.current = () => void load();
    loading.current();
    const unfollow = feed.subscribe(() => {
      if (!busy && feed.state.connection === "live" && Date.now() - requestedAt >= everyMs) void load();
    });
    return () => {
      ends.abort();
      unfollow();
    };
  }, [feed, path, everyMs]);
  return { ...state, refresh: useCallback(() => loading.current(), []) };
}

async function answer<T>(path: string, signal: AbortSignal): Promise<ListingState<T>> {
  try {
    return { data: await request<T>(path, { signal }), error: null };
  } catch (error) {
    return { data: null, error: error instanceof Error ? error.message : String(error) };
  }
}
