"use client";

import { createContext, useContext, type ComponentProps, type MouseEvent } from "react";
import type { ExtraProps } from "react-markdown";

/** Distinguishes the footnotes of one answer from those of all others on the page. */
export const FootnoteScope = createContext("");

type FootnoteProps = ComponentProps<"sup"> & ExtraProps & { "data-footnote"?: string };

/** The mark in the text. It leads to the note without changing the page's address. */
export function FootnoteMark({ "data-footnote": label, children }: FootnoteProps) {
  const id = useNoteId(label);
  if (!label) return <sup>{children}</sup>;
  return (
    <sup>
      <a href={`#${id}`} aria-label={`Footnote ${label}`} onClick={(event) => goTo(id, event)}>
        {label}
      </a>
    </sup>
  );
}

/** The note, where it was written. */
export function FootnoteText({ "data-footnote": label, dir, children }: FootnoteProps) {
  return (
    <div role="note" dir={dir} id={useNoteId(label)} tabIndex={-1} className="answer-footnote">
      <span aria-hidden="true">{label}</span>
      <div>{children}</div>
    </div>
  );
}

function useNoteId(label: string | undefined): string {
  return `${useContext(FootnoteScope)}-note-${encodeURIComponent(label ?? "")}`;
}

function goTo(id: string, event: MouseEvent) {
  event.preventDefault();
  const note = document.getElementById(id);
  note?.scrollIntoView({ block: "nearest" });
  note?.focus({ preventScroll: true });
}
