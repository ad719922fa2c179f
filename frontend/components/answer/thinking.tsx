"use client";

import { ChevronRight } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Answer } from ".";
import { Scroller } from "./scroller";

/**
 * What the model thought before it answered. Open while it is `running`, closed afterwards, unless the person decided
 * otherwise. It grows to a third of the page and then scrolls in itself, so that it never pushes the chat about.
 * `seconds`: how long it took, where that is known from elsewhere; else it is told for what this page has seen.
 */
export function Thinking({ text, running, seconds }: { text: string; running: boolean; seconds?: number }) {
  const [choice, setChoice] = useState<boolean | null>(null);
  const seen = useSeconds(running);
  const open = choice ?? running;
  return (
    <div className="answer-thinking">
      <button type="button" aria-expanded={open} onClick={() => setChoice(!open)}>
        <ChevronRight aria-hidden="true" className={`size-4 transition-transform ${open ? "rotate-90" : ""}`} />
        {running ? "Thinking…" : thoughtFor(seconds ?? seen)}
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

/** How long `running` was true, in seconds; null where this page has not seen it begin. */
function useSeconds(running: boolean): number | null {
  const began = useRef<number | null>(null);
  const [seconds, setSeconds] = useState<number | null>(null);
  useEffect(() => {
    if (running) began.current ??= performance.now();
    else if (began.current !== null) setSeconds((performance.now() - began.current) / 1_000);
  }, [running]);
  return seconds;
}

function thoughtFor(seconds: number | null): string {
  if (seconds === null) return "Thoughts";
  if (seconds < 1) return "Thought for a moment";
  const whole = Math.round(seconds);
  return whole < 60 ? `Thought for ${whole} s` : `Thought for ${Math.floor(whole / 60)} min ${whole % 60} s`;
}
