"use client";
import { MessagesSquare, MessageSquare } from "lucide-react";
import { useSearch, type SearchHit } from "@/runtime";
import { useOpenHit } from "../use-open-hit";
import type { PaletteEntry } from "./use-entries";

/** Chats that the server finds by their titles or messages. A chat that is not loaded on the page appears only here. */
export function useChatSearch(query: string): { entries: PaletteEntry[]; searching: boolean } {
  const { hits, searching } = useSearch(query);
  const open = useOpenHit();
  return { entries: onePerChat(hits).map((hit) => entryOf(hit, () => open(hit))), searching };
}

/** Hits in titles first, each group in the server's order, and each chat once. */
export function onePerChat(hits: readonly SearchHit[]): SearchHit[] {
  const ordered = [...hits.filter((hit) => !hit.message_id), ...hits.filter((hit) => hit.message_id)];
  const chats = new Map<string, SearchHit>();
  for (const hit of ordered) if (!chats.has(hit.thread.id)) chats.set(hit.thread.id, hit);
  return [...chats.values()];
}

const entryOf = ({ thread, message_id }: SearchHit, run: () => void): PaletteEntry => ({
  id: `hit-${thread.id}`,
  title: thread.title || "New chat",
  section: message_id ? "In a message" : "Chat",
  icon: message_id ? MessagesSquare : MessageSquare,
  run,
});
