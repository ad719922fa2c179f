"use client";
import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { IconButton, type IconButtonProps } from "./icon-button";

const SHOWN_MS = 2000;

/** Copies a text and says so for two seconds. */
export function CopyButton({ text, label, ...props }: Omit<IconButtonProps, "onClick" | "children"> & { text: string | (() => string) }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    await navigator.clipboard.writeText(typeof text === "string" ? text : text());
    setCopied(true);
  };
  return (
    <IconButton {...props} label={copied ? "Copied" : label} onClick={() => void copy().catch(() => setCopied(false))}>
      {copied ? <Check /> : <Copy />}
    </IconButton>
  );
}
