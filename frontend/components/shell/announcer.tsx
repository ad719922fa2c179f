"use client";
import { useAuiState } from "@assistant-ui/react";
import { useState } from "react";
import { useAnnouncement } from "@/runtime";
import "./announcer.css";

/** Polite announcements for screen readers: changes of an answer's state, never tokens, and which chat is shown. */
export function Announcer() {
  return (
    <>
      <output aria-live="polite" data-testid="announcer" className="sr-only">
        {useAnnouncement()}
      </output>
      <output aria-live="polite" className="sr-only">
        <ShownChat />
      </output>
    </>
  );
}

/** Announces that another chat is shown, but not the title that a chat gets while it is shown. */
function ShownChat() {
  const id = useAuiState((s) => s.threads.mainThreadId);
  const title = useAuiState((s) => s.threadListItem.title);
  const [was, setWas] = useState(id);
  const [sentence, setSentence] = useState("");
  if (was !== id) {
    setWas(id);
    setSentence(title ? `Chat: ${title}` : "New chat");
  }
  return sentence;
}
