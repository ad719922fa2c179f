"use client";

/** What the model thought before it answered. `running`: it is still thinking. */
export function Thinking({ text, running }: { text: string; running: boolean }) {
  return (
    <details open={running}>
      <summary>{running ? "Thinking…" : "Thought"}</summary>
      <div className="whitespace-pre-wrap">{text}</div>
    </details>
  );
}
