"use client";
import { PanelLeft, Search, SquarePen, X } from "lucide-react";
import { useLayoutEffect, useRef, useState } from "react";
import { IconButton } from "@/components/ui/icon-button";
import { useNewChat } from "@/runtime";
import { useOverlays } from "@/components/ui/overlays";
import { SearchHits } from "./search-hits";
import { SidebarFoot } from "./sidebar-foot";
import { ThreadList } from "./thread-list";
import { useWide } from "@/components/ui/use-wide";

/** The chats: a column on wide screens, a drawer that keeps the focus inside on phones. */
export function Sidebar() {
  const { sidebar, setSidebar } = useOverlays();
  const wide = useWide();
  if (!sidebar) return null;
  if (!wide) return <Drawer onClose={() => setSidebar(false)} />;
  return (
    <aside aria-label="Chats" className="flex w-72 shrink-0 flex-col border-r border-line bg-muted/60 max-md:hidden">
      <Content onNavigate={() => {}} />
    </aside>
  );
}

function Drawer({ onClose }: { onClose: () => void }) {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal?.();
    return () => dialog?.close?.();
  }, []);
  return (
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- Escape does the same
    <dialog
      ref={ref}
      aria-label="Chats"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === ref.current) onClose();
      }}
      className="drawer m-0 h-dvh max-h-none w-[min(20rem,calc(100vw-3rem))] border-r border-line bg-bg p-0 text-fg shadow-2xl"
    >
      <div className="flex h-full flex-col">
        <Content onNavigate={onClose} />
      </div>
    </dialog>
  );
}

function Content({ onNavigate }: { onNavigate: () => void }) {
  const { setSidebar } = useOverlays();
  const newChat = useNewChat();
  const [query, setQuery] = useState("");
  const start = () => {
    void newChat();
    onNavigate();
  };
  return (
    <>
      <div className="flex h-14 shrink-0 items-center gap-1 px-3">
        <span className="mr-auto flex items-center gap-2.5 px-2 font-semibold tracking-tight">
          <Mark /> Sluice
        </span>
        <IconButton label="New chat" onClick={start}>
          <SquarePen />
        </IconButton>
        <IconButton label="Hide the sidebar" onClick={() => setSidebar(false)}>
          <PanelLeft />
        </IconButton>
      </div>
      <SearchBox query={query} setQuery={setQuery} />
      <nav aria-label="Your chats" className="min-h-0 flex-1 overflow-y-auto px-3 pb-3">
        {query.trim() ? <SearchHits query={query} onNavigate={onNavigate} /> : <ThreadList onNavigate={onNavigate} />}
      </nav>
      <SidebarFoot />
    </>
  );
}

function SearchBox({ query, setQuery }: { query: string; setQuery: (query: string) => void }) {
  return (
    <search className="relative mx-3 mb-2 block">
      <Search aria-hidden className="pointer-events-none absolute top-2.5 left-3 size-4 text-muted-fg" />
      <input
        data-search
        dir="auto"
        enterKeyHint="search"
        type="search"
        value={query}
        aria-label="Search all chats"
        placeholder="Search"
        onChange={(event) => setQuery(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || !query) return;
          event.preventDefault();
          event.stopPropagation();
          setQuery("");
        }}
        className="h-9 w-full rounded-lg border border-line bg-bg pr-9 pl-9 text-sm outline-none placeholder:text-muted-fg focus:border-accent"
      />
      {query && (
        <IconButton label="Clear the search" className="absolute top-0.5 right-0.5 size-8" onClick={() => setQuery("")}>
          <X />
        </IconButton>
      )}
    </search>
  );
}

/** The product's mark: a gate that lets one stream through. */
const Mark = () => (
  <svg aria-hidden viewBox="0 0 32 32" className="size-6">
    <rect width="32" height="32" rx="8" fill="var(--accent)" />
    <path d="M7 11h7M7 16h18M18 21h7M18 11h7M7 21h7" stroke="var(--accent-fg)" strokeWidth="2.6" strokeLinecap="round" fill="none" />
  </svg>
);
