import type { ReactNode } from "react";
import ReactMarkdown from "react-markdown";
import rehypeKatex from "rehype-katex";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import { Answer } from "@/components/answer";
import { PACE_MS } from "@/stream/pace";

/** A way to draw answers: the component, and how often it gets a growing text. */
export type Renderer = { draw: (text: string, running: boolean) => ReactNode; paceMs: number };

const remarkPlugins = [remarkGfm, remarkMath];
const rehypePlugins = [rehypeKatex];

/**
 * `plain` is react-markdown as its own manual shows it, with an update a token; it colours nothing and draws no
 * diagram.
 */
export const renderers: Record<string, Renderer> = {
  ours: { draw: (text, running) => <Answer text={text} running={running} />, paceMs: PACE_MS },
  plain: {
    draw: (text) => (
      <div className="answer">
        <ReactMarkdown remarkPlugins={remarkPlugins} rehypePlugins={rehypePlugins}>
          {text}
        </ReactMarkdown>
      </div>
    ),
    paceMs: 0,
  },
};
