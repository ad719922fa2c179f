"use client";

import { memo, useMemo } from "react";
import ReactMarkdown from "react-markdown";
import { components, Verbatim } from "./elements";
import { endsInFence, fenceIn } from "./fences";
import { withDollars } from "./formulas";
import { OpenEnd } from "./open-end";
import { remarkPlugins } from "./plugins";
import { safeUrl } from "./urls";
import { useMath } from "./use-math";

/**
 * One block, drawn again only when it changes. `definitions` stand elsewhere in the text; they are put before the
 * block, where nothing in the block can swallow them. `growing`: more of the block may follow.
 */
export const MarkdownBlock = memo(function MarkdownBlock({ text, definitions, growing }: BlockProps) {
  const fence = useMemo(() => fenceIn(text), [text]);
  if (fence) return <Verbatim language={fence.language} text={fence.text} finished={fence.closed || !growing} />;
  return <Parsed text={text} definitions={definitions} growing={growing} />;
});

function Parsed({ text, definitions, growing }: BlockProps) {
  const source = useMemo(() => (definitions ? `${definitions}\n\n${withDollars(text)}` : withDollars(text)), [text, definitions]);
  const rehypePlugins = useMath(source);
  const openFrom = growing && endsInFence(text) ? source.trimEnd().length : Infinity;
  return (
    <OpenEnd value={openFrom}>
      <ReactMarkdown remarkPlugins={remarkPlugins} rehypePlugins={rehypePlugins} components={components} urlTransform={safeUrl}>
        {source}
      </ReactMarkdown>
    </OpenEnd>
  );
}

type BlockProps = { text: string; definitions: string; growing: boolean };
