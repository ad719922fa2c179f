"use client";
import { useSearch, type SearchHit } from "@/runtime";
import { highlight } from "./highlight";
import { useOpenHit } from "./use-open-hit";

/** Chats and messages that contain the words. A press opens the chat at the message. */
export function SearchHits({ query, onNavigate }: { query: string; onNavigate: () => void }) {
  const { hits, searching, error } = useSearch(query);
  return (
    <section aria-label="Search results">
      <output className="block px-2.5 py-1.5 text-xs font-medium text-muted-fg">
        {resultLine(hits.length, searching, Boolean(error))}
      </output>
      <ul>
        {hits.map((hit) => (
          <Hit key={`${hit.thread.id} ${hit.message_id}`} hit={hit} query={query} onNavigate={onNavigate} />
        ))}
      </ul>
    </section>
  );
}

function resultLine(count: number, searching: boolean, failed: boolean): string {
  if (failed) return "The search failed. Try again in a moment.";
  if (count > 0) return count === 1 ? "1 result" : `${count} results`;
  return searching ? "Searching…" : "Nothing found";
}

function Hit({ hit, query, onNavigate }: { hit: SearchHit; query: string; onNavigate: () => void }) {
  const open = useOpenHit();
  const go = () => {
    open(hit);
    onNavigate();
  };
  return (
    <li>
      <button type="button" onClick={go} className="w-full cursor-pointer rounded-lg px-2.5 py-2 text-left text-sm hover:bg-muted">
        <span dir="auto" className="block truncate text-start font-medium">
          <Marked text={hit.thread.title || "New chat"} query={query} />
        </span>
        {hit.message_id && (
          <span dir="auto" className="mt-0.5 line-clamp-2 text-start text-muted-fg">
            <Marked text={plain(hit.snippet)} query={query} />
          </span>
        )}
      </button>
    </li>
  );
}

/** The text without the signs of Markdown, which mean nothing in two lines. */
const plain = (snippet: string) => snippet.replace(/[*`#|]+|-{3,}/g, " ");

function Marked({ text, query }: { text: string; query: string }) {
  return highlight(text, query).map((piece) =>
    piece.hit ? (
      <mark key={piece.at} className="rounded-sm bg-accent/20 text-fg">
        {piece.text}
      </mark>
    ) : (
      piece.text
    ),
  );
}
