"use client";
import { RefreshCw, WifiOff, X } from "lucide-react";
import type { ReactNode } from "react";
import { IconButton } from "@/components/ui/icon-button";
import { useConnection, useNotices } from "@/runtime";

/** Lines above the conversation: no network, a stream that is being picked up, and notices for the user. */
export function Banners() {
  const { online, reconnecting } = useConnection();
  const { notices, dismiss } = useNotices();
  return (
    <output className="mx-auto block w-full max-w-3xl px-4">
      {!online && (
        <Banner testid="offline">
          <WifiOff aria-hidden className="size-4 shrink-0 text-warn" /> You are offline. Answers go on; they appear when the network is back.
        </Banner>
      )}
      {online && reconnecting && (
        <Banner testid="reconnecting">
          <RefreshCw aria-hidden className="size-4 shrink-0 text-warn" /> Reconnecting. No word of the answer is lost.
        </Banner>
      )}
      {notices.map((notice) => (
        <Banner key={notice.id} testid="notice">
          <span className="min-w-0 flex-1">{notice.text}</span>
          <IconButton label="Dismiss" className="-my-1 size-7" onClick={() => dismiss(notice.id)}>
            <X />
          </IconButton>
        </Banner>
      ))}
    </output>
  );
}

const Banner = ({ testid, children }: { testid: string; children: ReactNode }) => (
  <div data-testid={testid} className="mt-2 flex items-center gap-2.5 rounded-xl border border-line bg-muted px-3.5 py-2 text-sm">
    {children}
  </div>
);
