"use client";
import { useAuiState } from "@assistant-ui/react";
import { Activity, Bot, Copy, Download, Keyboard, MessageSquare, PanelLeft, RefreshCw, Search, Settings2, Square, SquarePen, type LucideIcon } from "lucide-react";
import { exportUrl, useModels, useOpenThread, useSettings, useShownThread } from "@/runtime";
import { download } from "../download";
import { SHORTCUTS, type Command } from "../shortcuts";
import { THEMES } from "../sidebar-foot";
import { useTheme } from "@/components/ui/theme";
import { useCommands } from "../use-commands";
import type { Entry } from "./filter";

export type PaletteEntry = Entry & { icon: LucideIcon; run: () => void; keys?: string[] };

const ICONS: Partial<Record<Command, LucideIcon>> = {
  "new-chat": SquarePen,
  stop: Square,
  "copy-answer": Copy,
  regenerate: RefreshCw,
  search: Search,
  settings: Settings2,
  sidebar: PanelLeft,
  shortcuts: Keyboard,
};

const ORDER = Object.keys(ICONS) as Command[];

/** All entries that can be chosen now: commands first, then chats, models, appearance. */
export function useEntries(): PaletteEntry[] {
  return [...useCommandEntries(), ...useExportEntries(), ...useChatEntries(), ...useModelEntries(), ...useThemeEntries()];
}

function useCommandEntries(): PaletteEntry[] {
  const commands = useCommands();
  const running = useAuiState((s) => s.thread.isRunning);
  const empty = useAuiState((s) => s.thread.messages.length === 0);
  const usable = (command: Command) => {
    if (command === "stop") return running;
    if (command === "copy-answer") return !empty;
    return command !== "regenerate" || !(empty || running);
  };
  const known = ORDER.flatMap((command) => {
    const shortcut = SHORTCUTS.find((each) => each.command === command);
    const icon = ICONS[command];
    if (!shortcut || !icon || !usable(command)) return [];
    const { does, keys } = shortcut;
    return [{ id: command, title: command === "shortcuts" ? "Keyboard shortcuts" : does, section: "Command", icon, keys, run: commands[command] }];
  });
  return [...known, { id: "admin", title: "Workers and queue", section: "Page", words: "admin jobs gpu", icon: Activity, run: () => window.location.assign("/admin/") }];
}

function useExportEntries(): PaletteEntry[] {
  const { threadId, isNew } = useShownThread();
  if (isNew || !threadId) return [];
  return (["markdown", "json"] as const).map((format) => ({
    id: `export-${format}`,
    title: `Export this chat as ${format === "json" ? "JSON" : "Markdown"}`,
    section: "Command",
    words: "download save",
    icon: Download,
    run: () => download(exportUrl(threadId, format)),
  }));
}

function useChatEntries(): PaletteEntry[] {
  const open = useOpenThread();
  const items = useAuiState((s) => s.threads.threadItems);
  const ids = useAuiState((s) => s.threads.threadIds);
  return ids.flatMap((id) => {
    const title = items.find((item) => item.id === id)?.title;
    return title ? [{ id: `chat-${id}`, title, section: "Chat", icon: MessageSquare, run: () => open(id) }] : [];
  });
}

function useModelEntries(): PaletteEntry[] {
  const { models } = useModels();
  const { change } = useSettings();
  return models.map((model) => ({
    id: `model-${model.name}`,
    title: model.name,
    section: "Model",
    words: "use switch",
    icon: Bot,
    run: () => change({ model: model.default ? null : model.name }),
  }));
}

function useThemeEntries(): PaletteEntry[] {
  const [, choose] = useTheme();
  return THEMES.map(({ value, label, icon }) => ({
    id: `theme-${value}`,
    title: `Appearance: ${label.toLowerCase()}`,
    section: "Appearance",
    words: "theme mode night colour",
    icon,
    run: () => choose(value),
  }));
}
