import "katex/dist/katex.min.css";
import rehypeKatex from "rehype-katex";
import type { Options } from "react-markdown";

/** `trust: false` refuses links, images and HTML inside of formulas; the bounds stop macros that double themselves. */
export const rehypePlugins: Options["rehypePlugins"] = [
  [rehypeKatex, { strict: false, trust: false, maxExpand: 300, maxSize: 20, errorColor: "var(--danger)" }],
];
