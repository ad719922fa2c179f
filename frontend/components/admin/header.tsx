"use client";
import { ArrowLeft, Monitor, Moon, Pause, Play, Sun } from "lucide-react";
import { useTheme, type Theme } from "@/components/ui/theme";
import { Button } from "@/components/ui/button";
import { IconButton } from "@/components/ui/icon-button";
import { UpdateAge } from "./age";
import type { Connection } from "./feed";
import { Badge, type Tone } from "./parts";
import { useFeed, useFeedItself } from "./use-feed";

export const Header = () => (
  <header className="sticky top-0 z-20 border-b border-line bg-bg">
    <div className="mx-auto flex max-w-7xl items-center gap-2 px-3 py-2 sm:px-6">
      {/* A plain link: a router would load the chat's code into this page before it is needed. */}
      <a href="/" className="inline-flex h-9 items-center gap-1.5 rounded-lg px-2 text-sm text-muted-fg hover:bg-muted hover:text-fg">
        <ArrowLeft aria-hidden className="size-4" />
        Chat
      </a>
      <h1 className="text-base font-semibold">Admin</h1>
      <div className="ml-auto flex items-center gap-1.5">
        <State />
        <PauseButton />
        <ThemeButton />
      </div>
    </div>
    <Trouble />
  </header>
);

/** Why the values grow old although the connection works. */
function Trouble() {
  const trouble = useFeed((state) => state.trouble);
  if (!trouble) return null;
  return (
    <p role="alert" className="border-t border-line bg-warn/12 px-3 py-1.5 text-center text-sm text-fg sm:px-6">
      {trouble} <UpdateAge />
    </p>
  );
}

const STATES: Record<Connection, { text: string; tone: Tone }> = {
  connecting: { text: "connecting", tone: "quiet" },
  live: { text: "live", tone: "good" },
  reconnecting: { text: "reconnecting", tone: "warn" },
  offline: { text: "offline", tone: "danger" },
  paused: { text: "paused", tone: "warn" },
};

/** The state of the connection. A screen reader announces its changes, but not the age beside it. */
function State() {
  const connection = useFeed((state) => state.connection);
  const { text, tone } = STATES[connection];
  return (
    <span className="flex items-center gap-2">
      {connection !== "live" && connection !== "connecting" && (
        <span className="hidden text-xs text-muted-fg sm:inline">
          <UpdateAge />
        </span>
      )}
      <output className="inline-flex min-w-28 justify-end">
        <Badge tone={tone}>{text}</Badge>
      </output>
    </span>
  );
}

function PauseButton() {
  const feed = useFeedItself();
  const paused = useFeed((state) => state.connection === "paused");
  return (
    <Button look="ghost" onClick={() => (paused ? feed.resume() : feed.pause())} className="px-2.5">
      {paused ? <Play aria-hidden /> : <Pause aria-hidden />}
      <span className="max-sm:sr-only">{paused ? "Resume" : "Pause"}</span>
    </Button>
  );
}

const THEMES: Record<Theme, { next: Theme; icon: typeof Sun }> = {
  system: { next: "light", icon: Monitor },
  light: { next: "dark", icon: Sun },
  dark: { next: "system", icon: Moon },
};

function ThemeButton() {
  const [theme, setTheme] = useTheme();
  const { next, icon: Icon } = THEMES[theme];
  return (
    <IconButton label={`Theme: ${theme}. Change to ${next}`} onClick={() => setTheme(next)}>
      <Icon />
    </IconButton>
  );
}
