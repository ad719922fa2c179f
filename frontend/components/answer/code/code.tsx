"use client";

import { WrapText } from "lucide-react";
import { memo, useState } from "react";
import { CopyButton } from "../copy-button";
import { Scroller } from "../scroller";
import { ToolButton } from "../tool-button";
import type { ColouredPiece } from "./highlighter";
import { useHighlight } from "./use-highlight";

/** Code with its language and its tools. It is coloured once it is `finished`, which does not change its height. */
export const Code = memo(function Code({ text, language, finished }: CodeProps) {
  const [wrap, setWrap] = useState(false);
  const { lines, waiting } = useHighlight(text, language, finished);
  const name = language || "text";
  return (
    <figure dir="ltr" className="answer-frame" data-code={waiting ? "waiting" : lines ? "coloured" : "plain"}>
      <figcaption className="answer-bar">
        <span className="min-w-0 flex-1 truncate">{name}</span>
        <ToolButton label="Wrap long lines" pressed={wrap} onClick={() => setWrap(!wrap)}>
          <WrapText className="size-4" />
        </ToolButton>
        <CopyButton text={text} label={`Copy the ${name} code`} />
      </figcaption>
      <Scroller label={`Code: ${name}`} className={`answer-code ${wrap ? "answer-code-wrapped" : ""}`}>
        <pre>
          <code>{lines ? <Coloured lines={lines} /> : text}</code>
        </pre>
      </Scroller>
    </figure>
  );
});

type CodeProps = { text: string; language: string; finished: boolean };

/* oxlint-disable react/no-array-index-key -- lines and pieces of finished code never move */
const Coloured = memo(function Coloured({ lines }: { lines: ColouredPiece[][] }) {
  return lines.map((line, row) => (
    <span key={row}>
      {line.map((piece, place) => (piece.color ? <Word key={place} piece={piece} /> : piece.text))}
      {row < lines.length - 1 && "\n"}
    </span>
  ));
});
/* oxlint-enable react/no-array-index-key */

function Word({ piece }: { piece: ColouredPiece }) {
  return <span style={{ color: piece.color }}>{piece.text}</span>;
}
