import { useEffect, useState } from "react";
import { searchThreads, type SearchHit } from "@/stream/api";

const TYPING_MS = 200;
const NONE: readonly SearchHit[] = [];

type Found = { query: string; hits: readonly SearchHit[]; error: string | null };

/** Hits in titles and messages, newest first. While it searches, the hits of the query before are kept. */
export function useSearch(query: string) {
  const wanted = query.trim();
  const [found, setFound] = useState<Found>({ query: "", hits: NONE, error: null });
  useEffect(() => {
    if (wanted === "") return;
    const controller = new AbortController();
    const timer = setTimeout(
      () => void search(wanted, controller.signal).then((next) => next && setFound(next)),
      TYPING_MS,
    );
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [wanted]);
  if (wanted === "") return { hits: NONE, searching: false, error: null };
  return { hits: found.hits, searching: found.query !== wanted, error: found.query === wanted ? found.error : null };
}

async function search(query: string, signal: AbortSignal): Promise<Found | undefined> {
  try {
    return { query, hits: (await searchThreads(query, signal)).hits, error: null };
  } catch (error) {
    if (signal.aborted) return undefined;
    return { query, hits: NONE, error: error instanceof Error ? error.message : String(error) };
  }
}
