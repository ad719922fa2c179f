"use client";
import { useId, useState, type KeyboardEvent } from "react";
import { Dialog } from "@/components/ui/dialog";
import { Keys } from "@/components/ui/keys";
import { cn } from "@/components/ui/cn";
import { isMac, printed } from "../shortcuts";
import { filterEntries } from "./filter";
import { useEntries, type PaletteEntry } from "./use-entries";
import { useChatSearch } from "./use-chat-search";

const MOST = 60; // entries; no one reads further

/** All commands of the page, found by their names: type, move with the arrows, choose with Enter. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const { entries, searching } = useMatches(query);
  const active = Math.min(at, entries.length - 1);
  const id = useId();
  const choose = (entry: PaletteEntry | undefined) => {
    if (!entry) return;
    onClose();
    // After the dialog has given the focus back, so that the chosen command may take it.
    requestAnimationFrame(() => entry.run());
  };
  const keys = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const to = stepped(event.key, active, entries.length);
    if (to !== null) setAt(to);
    else if (event.key === "Enter") choose(entries[active]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog open bare onClose={onClose} title="Command palette" className="mt-[12dvh] w-[min(38rem,calc(100vw-2rem))]">
      <input
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- a palette is opened to type into it
        autoFocus
        role="combobox"
        aria-label="Command or chat"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={entries[active] ? `${id}-${active}` : undefined}
        dir="auto"
        enterKeyHint="go"
        placeholder="Type a command, or the name of a chat…"
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={keys}
        className="h-13 w-full shrink-0 border-b border-line bg-transparent px-5 outline-none placeholder:text-muted-fg"
      />
      {/* oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- a native list cannot be driven from a field */}
      <div id={id} role="listbox" aria-label="Results" className="max-h-[min(24rem,60dvh)] overflow-y-auto p-2">
        {entries.map((entry, index) => (
          <Option key={entry.id} id={`${id}-${index}`} entry={entry} active={index === active} onChoose={() => choose(entry)} onHover={() => setAt(index)} />
        ))}
      </div>
      {entries.length === 0 && <p className="px-5 pb-5 text-sm text-muted-fg">{searching ? "Searching your chats…" : "Nothing by this name."}</p>}
    </Dialog>
  );
}

/** Entries that match the query. The server searches only where none of the loaded chats matches. */
function useMatches(query: string): { entries: PaletteEntry[]; searching: boolean } {
  const known = filterEntries(useEntries(), query);
  const { entries, searching } = useChatSearch(known.some(({ section }) => section === "Chat") ? "" : query);
  return { entries: [...known, ...entries].slice(0, MOST), searching };
}

function stepped(key: string, at: number, count: number): number | null {
  if (count === 0) return null;
  if (key === "ArrowDown") return (at + 1) % count;
  if (key === "ArrowUp") return (at - 1 + count) % count;
  return null;
}

type OptionProps = { id: string; entry: PaletteEntry; active: boolean; onChoose: () => void; onHover: () => void };

function Option({ id, entry, active, onChoose, onHover }: OptionProps) {
  const { icon: Icon } = entry;
  return (
    // The field above keeps the focus and handles the keys; this handler is only for the pointer.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
    <div
      id={id}
      // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- a native option shows nothing but text
      role="option"
      aria-selected={active}
      ref={(node) => {
        if (active) node?.scrollIntoView?.({ block: "nearest" });
      }}
      onClick={onChoose}
      onPointerMove={active ? undefined : onHover}
      className={cn("flex min-h-10 cursor-pointer items-center gap-3 rounded-lg px-3 py-2 text-sm", active && "bg-muted")}
    >
      <Icon aria-hidden className="size-4 shrink-0 text-muted-fg" />
      <span dir="auto" className="min-w-0 flex-1 truncate">{entry.title}</span>
      {entry.keys ? <Keys keys={printed(entry.keys, isMac())} /> : <span className="text-xs text-muted-fg">{entry.section}</span>}
    </div>
  );
}
