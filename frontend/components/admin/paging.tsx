import { ChevronLeft, ChevronRight, RefreshCw } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { IconButton } from "@/components/ui/icon-button";
import type { Listing } from "./use-listing";

export const PAGE = 50;

/** The page of a list: the cursors of the pages turned so far; the last cursor is that of the shown page. */
export function usePages() {
  const [cursors, setCursors] = useState<string[]>([]);
  return {
    cursor: cursors.at(-1),
    number: cursors.length + 1,
    older: (cursor: string) => setCursors([...cursors, cursor]),
    newer: () => setCursors(cursors.slice(0, -1)),
  };
}

/** The query of a page; `fields` come first. */
export function pageQuery(fields: Record<string, string>, cursor: string | undefined): string {
  const query = new URLSearchParams({ ...fields, limit: String(PAGE) });
  if (cursor) query.set("cursor", cursor);
  return query.toString();
}

type PagerProps = { pages: ReturnType<typeof usePages>; next: string | null; listing: Listing<unknown> };

/** The row below a list: buttons that turn its pages and load it anew, and its error. */
export const Pager = ({ pages, next, listing }: PagerProps) => (
  <div className="mt-2 flex flex-wrap items-center gap-2">
    {listing.error && (
      <p role="alert" className="text-sm text-danger">
        {listing.error}
      </p>
    )}
    <div className="ml-auto flex items-center gap-1">
      <IconButton label="Refresh" onClick={listing.refresh}>
        <RefreshCw />
      </IconButton>
      <Button look="ghost" disabled={pages.number === 1} onClick={pages.newer}>
        <ChevronLeft aria-hidden /> Newer
      </Button>
      <span className="min-w-[7ch] text-center text-sm text-muted-fg tabular-nums">page {pages.number}</span>
      <Button look="ghost" disabled={!next} onClick={() => next && pages.older(next)}>
        Older <ChevronRight aria-hidden />
      </Button>
    </div>
  </div>
);
