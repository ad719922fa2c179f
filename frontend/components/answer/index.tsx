"use client";

/** A Markdown text as people read it. `running`: more of it is coming. */
export function Answer({ text, running }: { text: string; running: boolean }) {
  return (
    <div className="answer whitespace-pre-wrap" data-running={running}>
      {text}
    </div>
  );
}
