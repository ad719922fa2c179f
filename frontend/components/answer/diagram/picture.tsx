"use client";

import type { CSSProperties } from "react";
import type { Drawing } from "./draw";

/** A drawing on the page. Its SVG went through `sanitised`. */
export function Picture({ drawing, className, style }: { drawing: Drawing; className?: string; style?: CSSProperties }) {
  // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- as an <img> it would be a picture without selectable words
  return <div role="img" aria-label="Diagram" className={className} style={style} dangerouslySetInnerHTML={{ __html: drawing.svg }} />;
}
