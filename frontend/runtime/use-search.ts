import { useEffect, useState } from "react";
import { searchThreads, type SearchHit } from "@/stream/api";

const TYPING_MS = 200;
const NONE: readonly SearchHit[] = [];

type Results = { query: string; hits: readonly SearchHit[]; error: string | null };

/** Hits in titles and messages, newest first. The hits of the query before are kept during a search. */
export function useSearch(query: string) {
  const trimmed = query.trim();
  const [results, setResults] = useState<Results>({ query: "", hits: NONE, error: null });
  useEffect(() => {
    if (trimmed === "") return;
    const controller = new AbortController();
    const timer = setTimeout(
      () => void search(trimmed, controller.signal).then((next) => next && setResults(next)),
      TYPING_MS,
    );
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [trimmed]);
  if (trimmed === "") return { hits: NONE, searching: false, error: null };
  return { hits: results.hits, searching: results.query !== trimmed, error: results.query === trimmed ? results.error : null };
}

async function search(query: string, signal: AbortSignal): Promise<Results | undefined> {
  try {
    return { query, hits: (await searchThreads(query, signal)).hits, error: null };
  } catch (error) {
    if (signal.aborted) return undefined;
    return { query, hits: NONE, error: error instanceof Error ? error.message : String(error) };
  }
}
