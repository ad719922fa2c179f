"use client";
import { PlugZap } from "lucide-react";
import { CopyButton } from "@/components/ui/copy-button";

/** Shown while every live worker is simulated. Lines of the advice that are commands get a button to copy them. */
export function ConnectCard({ advice }: { advice: string }) {
  return (
    <section aria-label="Connect a real model" className="rounded-2xl border border-line bg-muted/50 p-5">
      <h2 className="flex items-center gap-2 text-sm font-semibold">
        <PlugZap aria-hidden className="size-4.5 text-accent" /> These answers are simulated
      </h2>
      <div className="mt-2 space-y-2 text-sm text-muted-fg">
        {adviceParts(advice).map((part) =>
          part.command ? (
            <div key={part.text} className="flex items-center gap-1 rounded-lg border border-line bg-bg py-0.5 pr-0.5 pl-3 text-fg">
              <code className="min-w-0 flex-1 overflow-x-auto font-mono text-xs whitespace-nowrap">{part.text}</code>
              <CopyButton text={part.text} label={`Copy: ${part.text}`} className="size-8" />
            </div>
          ) : (
            <p key={part.text}>{part.text}</p>
          ),
        )}
      </div>
    </section>
  );
}

/** Words that a command of the advice begins with. */
const COMMAND = /^(\$ |ollama |sluice |make |docker |export |pip |uv |[A-Z][A-Z0-9_]+=)/;

export type AdvicePart = { text: string; command: boolean };

/** Lines that are commands, and what stands between back ticks, apart from the sentences around them. */
export function adviceParts(advice: string): AdvicePart[] {
  return advice
    .split(/\n|`([^`]+)`/)
    .map((piece) => piece?.trim() ?? "")
    .filter((piece) => /\w/.test(piece))
    .map((text) => ({ text: text.replace(/^\$ /, ""), command: COMMAND.test(text) }));
}
