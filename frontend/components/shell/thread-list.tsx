"use client";
import { useAui, useAuiState } from "@assistant-ui/react";
import { Archive, ArrowLeft } from "lucide-react";
import { useMemo, useState } from "react";
import { Button } from "@/components/ui/button";
import { useStore } from "@/lib/store";
import { moreThreads, useActivities } from "@/runtime";
import { groupByDay } from "./groups";
import { ThreadItem, type Item } from "./thread-item";

const QUIET = { running: false, unread: false };

/** Chats under their days, or the archived ones. */
export function ThreadList({ onNavigate }: { onNavigate: () => void }) {
  const [archived, setArchived] = useState(false);
  const items = useItems(archived);
  const groups = useMemo(() => (archived ? [{ title: "Archived", threads: items }] : groupByDay(items)), [archived, items]);
  const shown = useAuiState((s) => s.threads.mainThreadId);
  const loading = useAuiState((s) => s.threads.isLoading);
  const activities = useActivities();
  const activityOf = (id: string | undefined) => (id === undefined ? undefined : activities[id]) ?? QUIET;
  return (
    <>
      {archived && (
        <Button look="ghost" className="mb-1 w-full justify-start px-2.5" onClick={() => setArchived(false)}>
          <ArrowLeft /> All chats
        </Button>
      )}
      {groups.map((group) => (
        <section key={group.title} aria-label={group.title} className="mb-3">
          <h2 className="px-2.5 py-1.5 text-xs font-medium text-muted-fg">{group.title}</h2>
          <ul>
            {group.threads.map((item) => (
              <ThreadItem key={item.id} item={item} shown={item.id === shown} {...activityOf(item.remoteId)} onNavigate={onNavigate} />
            ))}
          </ul>
        </section>
      ))}
      <Note archived={archived} count={items.length} />
      <More archived={archived} />
      {!archived && !loading && (
        <Button look="ghost" className="w-full justify-start px-2.5 font-normal text-muted-fg" onClick={() => setArchived(true)}>
          <Archive /> Archived chats
        </Button>
      )}
    </>
  );
}

function useItems(archived: boolean): Item[] {
  const all = useAuiState((s) => s.threads.threadItems);
  const ids = useAuiState((s) => (archived ? s.threads.archivedThreadIds : s.threads.threadIds));
  return useMemo(() => {
    const byId = new Map(all.map((item) => [item.id, item]));
    return ids.flatMap((id) => {
      const item = byId.get(id);
      if (!item) return [];
      return [{ id, remoteId: item.remoteId, title: item.title || "New chat", at: item.lastMessageAt?.toISOString(), archived }];
    });
  }, [all, ids, archived]);
}

function Note({ archived, count }: { archived: boolean; count: number }) {
  const loading = useAuiState((s) => s.threads.isLoading);
  if (count > 0) return null;
  const text = loading ? "Loading…" : archived ? "Nothing is archived." : "Your chats will be here.";
  return <p className="px-2.5 py-2 text-sm text-muted-fg">{text}</p>;
}

function More({ archived }: { archived: boolean }) {
  const aui = useAui();
  const more = useStore(moreThreads, (lists) => (archived ? lists.archived : lists.regular));
  const loading = useAuiState((s) => s.threads.isLoadingMore);
  if (!more) return null;
  return (
    <Button look="ghost" className="w-full justify-start px-2.5 font-normal text-muted-fg" disabled={loading} onClick={() => void aui.threads.loadMore()}>
      {loading ? "Loading…" : "Show more"}
    </Button>
  );
}
