"use client";
import { PlugZap } from "lucide-react";
import { CopyButton } from "@/components/ui/copy-button";

/** The card that is shown while every live worker is simulated: the server's advice, and its commands to copy. */
export function ConnectCard({ advice }: { advice: string }) {
  const { pieces, commands } = readAdvice(advice);
  return (
    <section aria-label="Connect a real model" className="rounded-2xl border border-line bg-muted/60 p-5">
      <h2 className="flex items-center gap-2 text-sm font-semibold">
        <PlugZap aria-hidden className="size-4.5 text-accent" /> These answers are simulated
      </h2>
      <p className="mt-1.5 text-sm text-muted-fg">
        {pieces.map(({ text, code, at }) =>
          code ? (
            <code key={at} className="font-mono text-[0.9em] text-fg">
              {text}
            </code>
          ) : (
            text
          ),
        )}
      </p>
      {commands.length > 0 && (
        <ul className="mt-3 grid gap-2 sm:grid-cols-2">
          {commands.map((command) => (
            <li key={command} className="flex min-w-0 items-center gap-1 rounded-lg border border-line bg-bg py-0.5 pr-0.5 pl-3">
              <code className="min-w-0 flex-1 truncate font-mono text-xs">{command}</code>
              <CopyButton text={command} label={`Copy: ${command}`} className="size-8" />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

type AdvicePiece = { text: string; code: boolean; at: number };

/** The beginning of the advice, which the heading states already. */
const KNOWN = /^answers are simulated[^.]*\.\s*(to connect one)?/i;
const NAME = /([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)/;

/** The sentences, with commands and variables set as code; commands stand between back ticks. */
export function readAdvice(advice: string): { pieces: AdvicePiece[]; commands: string[] } {
  const ticked = `${advice.replace(/\.$/, "")}.`.replace(KNOWN, (_, begins) => (begins ? "To connect a real model" : "")).split("`");
  const commands = ticked.filter((_, index) => index % 2 === 1).map((command) => command.replace(/^\$ /, ""));
  const texts = ticked.flatMap((text, index) => (index % 2 === 1 ? [{ text, code: true }] : named(text)));
  return { pieces: texts.map((piece, at) => ({ ...piece, at })), commands };
}

const named = (text: string) => text.split(NAME).map((piece, index) => ({ text: piece, code: index % 2 === 1 }));
