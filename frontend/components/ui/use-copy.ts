import { useEffect, useState } from "react";
import { copyText } from "@/lib/clipboard";

const SHOWN_MS = 2_000;

/**
 * Copies a text; `result` states for two seconds whether that worked, and is "" before and after. A browser may forbid
 * copying.
 */
export function useCopy(text: string | (() => string)): { copied: boolean; result: string; copy: () => void } {
  const [copied, setCopied] = useState<boolean>();
  useEffect(() => {
    if (copied === undefined) return undefined;
    const timer = setTimeout(() => setCopied(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () =>
    void copyText(typeof text === "string" ? text : text()).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  return { copied: copied === true, result: copied === undefined ? "" : copied ? "Copied" : "Not copied: the browser forbids it", copy };
}
