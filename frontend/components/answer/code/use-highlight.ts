import { useEffect, useState } from "react";
import type { ColouredPiece } from "./highlighter";
import { grammarOf } from "./languages";

const MAX_COLOURED = 50_000; // characters; longer code is rarely read and would keep the page busy

/**
 * `lines` is null for plain code: it is not finished, too long, or in an unknown language, or its colours are still
 * `waiting`.
 */
type Highlight = { lines: ColouredPiece[][] | null; waiting: boolean };

export function useHighlight(code: string, language: string, finished: boolean): Highlight {
  const grammar = finished && code.length <= MAX_COLOURED ? grammarOf(language) : null;
  const [drawn, setDrawn] = useState<{ code: string; lines: ColouredPiece[][] | null } | null>(null);
  useEffect(() => {
    if (!grammar) return undefined;
    let here = true;
    const draw = (lines: ColouredPiece[][] | null) => here && setDrawn({ code, lines });
    colouredLines(code, grammar).then(draw, () => draw(null)); // after a failure the code stays plain
    return () => {
      here = false;
    };
  }, [code, grammar]);
  const done = drawn?.code === code;
  return { lines: done ? drawn.lines : null, waiting: grammar !== null && !done };
}

/** Colours one code after the other: a long chat that opens must not colour all of its code in one go. */
function colouredLines(code: string, grammar: string): Promise<ColouredPiece[][]> {
  const turn = queue.last.then(async () => (await import("./highlighter")).highlighter.lines(code, grammar));
  queue.last = turn.catch(() => undefined);
  return turn;
}

const queue: { last: Promise<unknown> } = { last: Promise.resolve() };
