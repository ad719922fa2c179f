import "katex/dist/katex.min.css";
import rehypeKatex from "rehype-katex";
import type { Options } from "react-markdown";

type DrawnFormula = { properties?: Record<string, unknown>; children?: DrawnFormula[] };

/** Formulas run from left to right in every language, and do not decide the direction of the words beside them. */
const leftToRight = () => (tree: DrawnFormula) => fromTheLeft(tree);

function fromTheLeft({ properties, children = [] }: DrawnFormula): void {
  const classes = properties?.["className"];
  if (properties && Array.isArray(classes) && classes.some((name) => /^katex(-display|-error)?$/.test(String(name)))) properties["dir"] = "ltr";
  else for (const child of children) fromTheLeft(child);
}

/** `trust: false` refuses links, images and HTML inside of formulas; the bounds stop macros that double themselves. */
export const rehypePlugins: Options["rehypePlugins"] = [
  [rehypeKatex, { strict: false, trust: false, maxExpand: 300, maxSize: 20, errorColor: "var(--danger)" }],
  leftToRight,
];
