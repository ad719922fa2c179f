"use client";

import type { ReactNode } from "react";

/** A small button with only an icon; `label` is its name. `pressed`: it switches something on and off. */
export function ToolButton({ label, onClick, pressed, children }: ToolButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      onClick={onClick}
      className="inline-flex size-7 items-center justify-center rounded text-muted-fg hover:bg-line hover:text-fg aria-pressed:text-accent"
    >
      {children}
    </button>
  );
}

type ToolButtonProps = { label: string; onClick: () => void; pressed?: boolean; children: ReactNode };
