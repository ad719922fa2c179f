"use client";

import { Check, Copy } from "lucide-react";
import { useCopy } from "@/components/ui/use-copy";
import { ToolButton } from "./tool-button";

/** Copies a text, and shows the result to eyes and to screen readers. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const { copied, result, copy } = useCopy(text);
  return (
    <>
      <ToolButton label={label} onClick={copy}>
        {copied ? <Check className="size-4 text-good" /> : <Copy className="size-4" />}
      </ToolButton>
      <output className="sr-only">{result}</output>
    </>
  );
}
