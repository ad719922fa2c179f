"use client";
import { useAuiState } from "@assistant-ui/react";
import { useState } from "react";
import { useAnnouncement } from "@/runtime";
import "./announcer.css";

/** The polite voice for screen readers: changes of an answer's state, never tokens, and which chat is shown. */
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

/** Said when another chat is shown; the title that a chat gets while it is shown is not. */
function ShownChat() {
  const id = useAuiState((s) => s.threads.mainThreadId);
  const title = useAuiState((s) => s.threadListItem.title);
  const [was, setWas] = useState(id);
  const [said, setSaid] = useState("");
  if (was !== id) {
    setWas(id);
    setSaid(title ? `Chat: ${title}` : "New chat");
  }
  return said;
}
