"use client";

import { memo, useId, useMemo, useState } from "react";
import "./answer.css";
import { MarkdownBlock } from "./markdown/block";
import { Cutter, definitionsFor } from "./markdown/blocks";
import { FootnoteScope } from "./markdown/footnotes";

/**
 * A Markdown text as people read it. `running`: more of it is coming.
 *
 * A growing text costs what its last block costs: those before it are not touched. Nothing in a text can run, fetch or
 * leave the page: HTML is shown as text, images from elsewhere are links.
 */
export const Answer = memo(function Answer({ text, running }: { text: string; running: boolean }) {
  const scope = useId();
  const [cutter] = useState(() => new Cutter());
  const blocks = useMemo(() => cutter.cut(text), [cutter, text]);
  const definitions = useMemo(() => definitionsFor(blocks), [blocks]);
  return (
    <FootnoteScope value={scope}>
      <div className="answer">
        {blocks.map((block, place) => (
          // Blocks never move: a block is what stands at its place.
          // oxlint-disable-next-line react/no-array-index-key
          <MarkdownBlock key={place} text={block.text} definitions={definitions[place] ?? ""} growing={running && place === blocks.length - 1} />
        ))}
      </div>
    </FootnoteScope>
  );
});
