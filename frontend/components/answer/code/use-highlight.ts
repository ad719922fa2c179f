import { useEffect, useState } from "react";
import type { Piece } from "./highlighter";
import { grammarOf } from "./languages";

const MAX_COLOURED = 50_000; // characters; more is rarely read and would keep the page busy

/** The code's coloured lines, or null: not yet, not finished, too long, or a language that we do not know. */
export function useHighlight(code: string, language: string, finished: boolean): Piece[][] | null {
  const grammar = finished && code.length <= MAX_COLOURED ? grammarOf(language) : null;
  const [drawn, setDrawn] = useState<{ code: string; lines: Piece[][] } | null>(null);
  useEffect(() => {
    if (!grammar) return undefined;
    let here = true;
    colouredLines(code, grammar).then((lines) => here && setDrawn({ code, lines }), () => undefined); // it stays plain
    return () => {
      here = false;
    };
  }, [code, grammar]);
  return drawn?.code === code ? drawn.lines : null;
}

/** One code after the other: a long chat that opens must not colour all of its code in one go. */
function colouredLines(code: string, grammar: string): Promise<Piece[][]> {
  const turn = queue.last.then(async () => (await import("./highlighter")).highlighter.lines(code, grammar));
  queue.last = turn.catch(() => undefined);
  return turn;
}

const queue: { last: Promise<unknown> } = { last: Promise.resolve() };
