"use client";
import { Check, Copy } from "lucide-react";
import { IconButton, type IconButtonProps } from "./icon-button";
import { useCopy } from "./use-copy";

/** Copies a text, and shows the result to eyes and to screen readers. */
export function CopyButton({ text, label, ...props }: Omit<IconButtonProps, "onClick" | "children"> & { text: string | (() => string) }) {
  const { copied, result, copy } = useCopy(text);
  return (
    <>
      <IconButton {...props} label={result || label} onClick={copy}>
        {copied ? <Check /> : <Copy />}
      </IconButton>
      <output className="sr-only">{result}</output>
    </>
  );
}
