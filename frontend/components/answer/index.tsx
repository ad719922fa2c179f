"use client";

import { memo, useId, useMemo, useState } from "react";
import "./answer.css";
import { MarkdownBlock } from "./markdown/block";
import { Cutter, definitionsFor } from "./markdown/blocks";
import { FootnoteScope } from "./markdown/footnotes";

/**
 * A Markdown text, drawn. `running`: more of the text will follow.
 *
 * A growing text costs as much as its last block: the blocks before it are not drawn again. Nothing in a text can run,
 * fetch or leave the page: HTML is shown as text, images from elsewhere are links.
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
          // Blocks never move, so the place is a key.
          // oxlint-disable-next-line react/no-array-index-key
          <MarkdownBlock key={place} text={block.text} definitions={definitions[place] ?? ""} growing={running && place === blocks.length - 1} />
        ))}
      </div>
    </FootnoteScope>
  );
});
