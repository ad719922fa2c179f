"use client";
import { Check, Copy } from "lucide-react";
import { IconButton, type IconButtonProps } from "./icon-button";
import { useCopy } from "./use-copy";

/** Copies a text, and says to eyes and ears how that went. */
export function CopyButton({ text, label, ...props }: Omit<IconButtonProps, "onClick" | "children"> & { text: string | (() => string) }) {
  const { copied, said, copy } = useCopy(text);
  return (
    <>
      <IconButton {...props} label={said || label} onClick={copy}>
        {copied ? <Check /> : <Copy />}
      </IconButton>
      <output className="sr-only">{said}</output>
    </>
  );
}
