"use client";
import { useAuiState } from "@assistant-ui/react";
import { Composer } from "@/components/chat/composer";
import { DropZone } from "@/components/chat/drop-zone";
import { Thread } from "@/components/chat/thread";
import { OverlayProvider } from "@/components/ui/overlays";
import { useTheme } from "@/components/ui/theme";
import { ToastProvider } from "@/components/ui/toast";
import { Announcer } from "./announcer";
import { Banners } from "./banners";
import { Header } from "./header";
import { Sheets } from "./sheets";
import { Sidebar } from "./sidebar";
import { TabTitle } from "./tab-title";
import { useShortcuts } from "./use-commands";

/** The page: the chats at the left, the conversation and the composer at the right. */
export function Shell() {
  return (
    <ToastProvider>
      <OverlayProvider>
        <div className="flex h-dvh overflow-hidden">
          <Sidebar />
          <Conversation />
        </div>
        <Sheets />
        <TabTitle />
        <Announcer />
        <Shortcuts />
        <Appearance />
      </OverlayProvider>
    </ToastProvider>
  );
}

function Conversation() {
  const thread = useAuiState((s) => s.threads.mainThreadId);
  return (
    <div className="relative flex min-w-0 flex-1 flex-col">
      <Header />
      <main className="flex min-h-0 flex-1 flex-col">
        <Banners />
        <Thread key={thread} />
        <Composer />
      </main>
      <DropZone />
    </div>
  );
}

function Shortcuts() {
  useShortcuts();
  return null;
}

/** Follows the system's light and dark, and another tab's choice, also while the page has no button for them. */
function Appearance() {
  useTheme();
  return null;
}
