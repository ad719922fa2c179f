import { useEffect, useState } from "react";
import { copyText } from "@/lib/clipboard";

const SHOWN_MS = 2_000;

/** Copies a text, and says for two seconds how that went; `said` is "" else. A browser may forbid it. */
export function useCopy(text: string | (() => string)): { copied: boolean; said: string; copy: () => void } {
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
  return { copied: copied === true, said: copied === undefined ? "" : copied ? "Copied" : "Not copied: the browser forbids it", copy };
}
