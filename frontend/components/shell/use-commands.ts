"use client";
import { useAui } from "@assistant-ui/react";
import { useEffect, useEffectEvent } from "react";
import { useToast } from "@/components/ui/toast";
import { copyText } from "@/lib/clipboard";
import { useNewChat, useOpenThread } from "@/runtime";
import { useOverlays } from "@/components/ui/overlays";
import { commandOf, type Command } from "./shortcuts";

/** What each command does; the shortcuts and the palette share it. */
export function useCommands(): Record<Command, () => void> {
  const { show, sidebar, setSidebar } = useOverlays();
  const newChat = useNewChat();
  const aui = useAui();
  const step = useStep();
  const lastAnswer = useLastAnswer();
  return {
    palette: () => show("palette"),
    settings: () => show("settings"),
    shortcuts: () => show("shortcuts"),
    sidebar: () => setSidebar(!sidebar),
    search: () => {
      setSidebar(true);
      requestAnimationFrame(() => document.querySelector<HTMLElement>("[data-search]")?.focus());
    },
    "new-chat": () => void newChat(),
    "focus-composer": () => document.querySelector<HTMLElement>("[data-composer]")?.focus(),
    "previous-thread": () => step(-1),
    "next-thread": () => step(1),
    "copy-answer": () => lastAnswer.copy(),
    regenerate: () => lastAnswer.again(),
    stop: () => {
      if (aui.thread.getState().isRunning) aui.thread.cancelRun();
    },
  };
}

function useStep() {
  const aui = useAui();
  const show = useOpenThread();
  return (by: number) => {
    const { threadIds, mainThreadId } = aui.threads.getState();
    const next = threadIds[threadIds.indexOf(mainThreadId) + by];
    if (next) show(next);
  };
}

function useLastAnswer() {
  const aui = useAui();
  const toast = useToast();
  const last = () => {
    const message = aui.thread.getState().messages.findLast((each) => each.role === "assistant");
    return message && aui.thread.message({ id: message.id });
  };
  const copy = async () => {
    const text = last()?.getCopyText();
    if (!text) return;
    await copyText(text);
    toast({ text: "The answer is copied" });
  };
  return {
    copy: () => void copy().catch(() => toast({ text: "The browser did not allow copying" })),
    again: () => {
      if (!aui.thread.getState().isRunning) last()?.reload();
    },
  };
}

/** Listens for shortcuts on the whole page. Keys that a field or an open dialog handles are left to them. */
export function useShortcuts() {
  const commands = useCommands();
  const { overlay } = useOverlays();
  const press = useEffectEvent((event: KeyboardEvent) => {
    const command = commandOf(event);
    if (!command || (overlay && command !== "palette")) return;
    if (command !== "stop") event.preventDefault();
    commands[command]();
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => press(event);
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}
