"use client";

import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { ToolButton } from "./tool-button";

/** Copies a text and says so, to eyes and ears, for two seconds. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => setSaid(""), 2_000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = () => copied(text).then((done) => setSaid(done ? "Copied" : "Not copied: the browser forbids it"));
  return (
    <>
      <ToolButton label={label} onClick={() => void copy()}>
        {said === "Copied" ? <Check className="size-4 text-good" /> : <Copy className="size-4" />}
      </ToolButton>
      <output className="sr-only">{said}</output>
    </>
  );
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
