"use client";

import { ChevronRight } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Answer } from ".";
import { Scroller } from "./scroller";

/**
 * The model's thoughts before its answer. They are open while the model is `running` and closed afterwards, unless the
 * user decided otherwise. They grow to a third of the page and then scroll in themselves, so that they never move the
 * chat. `ms`: how long the model thought, where that is known.
 */
export function Thinking({ text, running, ms }: { text: string; running: boolean; ms?: number }) {
  const [choice, setChoice] = useState<boolean | null>(null);
  const open = choice ?? running;
  return (
    <div className="answer-thinking">
      <button type="button" aria-expanded={open} onClick={() => setChoice(!open)}>
        <ChevronRight aria-hidden="true" className={`size-4 transition-transform ${open ? "rotate-90" : ""}`} />
        {running ? "Thinking…" : thoughtFor(ms)}
      </button>
      {open && <Thoughts text={text} running={running} />}
    </div>
  );
}

function Thoughts({ text, running }: { text: string; running: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useEffect(() => {
    const element = box.current;
    if (element && text && running && follows.current) element.scrollTop = element.scrollHeight;
  }, [text, running]);
  const onScroll = () => {
    const element = box.current;
    if (element) follows.current = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
  };
  return (
    <Scroller ref={box} label="The model's thoughts" onScroll={onScroll} className="answer-thoughts">
      <Answer text={text} running={running} />
    </Scroller>
  );
}

function thoughtFor(ms: number | undefined): string {
  if (ms === undefined) return "Thoughts";
  if (ms < 1_000) return "Thought for a moment";
  const whole = Math.round(ms / 1_000);
  return whole < 60 ? `Thought for ${whole} s` : `Thought for ${Math.floor(whole / 60)} min ${whole % 60} s`;
}
