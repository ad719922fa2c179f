import type { Options } from "react-markdown";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import { direct } from "./directions";
import { rewrite, type Node } from "./tree";

const MAX_FORMULA = 4_000; // characters; KaTeX takes long for a longer formula, which no one reads

/**
 * Decides what Markdown leaves open. Footnotes are drawn where they are written, since a block does not know the
 * others; `<br>`, which models write into tables, breaks a line; all other HTML stays text; of an image in a link the
 * words are drawn.
 */
function ourMarkdown() {
  return (tree: Node, file: { value: unknown }) => {
    rewrite(tree, changed);
    rewrite(tree, (node) => (node.type === "paragraph" ? [withDisplay(node, String(file.value))] : [node]));
    direct(tree);
  };
}

/** `$$…$$` on a line of its own is a formula on a line of its own; remark-math reads it as a formula within words. */
function withDisplay(paragraph: Node, source: string): Node {
  const [formula, ...others] = paragraph.children ?? [];
  if (formula?.type !== "inlineMath" || others.length || !source.startsWith("$$", formula.position?.start.offset)) return paragraph;
  const data = { ...formula.data, hProperties: { className: ["language-math", "math-display"] } };
  return { ...paragraph, children: [{ ...formula, data }] };
}

function changed(node: Node, within: readonly string[]): Node[] {
  switch (node.type) {
    case "text":
      return within.includes("link") ? [node] : withFootnoteMarks(node.value ?? "");
    case "footnoteReference":
      return [footnoteMark(node.label ?? node.identifier ?? "")];
    case "footnoteDefinition":
      return [footnote(node)];
    case "html":
      return /^<br\s*\/?>$/i.test(node.value ?? "") ? [{ type: "break" }] : [node];
    case "image":
    case "imageReference":
      return within.some((parent) => parent.startsWith("link")) ? [{ type: "text", value: node.alt || "image" }] : [node];
    case "math":
    case "inlineMath":
      return (node.value ?? "").length > MAX_FORMULA ? [{ type: "inlineCode", value: node.value ?? "" }] : [node];
    case "code":
      return node.lang === "math" && (node.value ?? "").length > MAX_FORMULA ? [{ type: "code", value: node.value ?? "" }] : [node];
    default:
      return [node];
  }
}

function withFootnoteMarks(text: string): Node[] {
  return text
    .split(/(\[\^[^\]\s]{1,99}\])/)
    .filter(Boolean)
    .map((part) => (/^\[\^[^\]\s]+\]$/.test(part) ? footnoteMark(part.slice(2, -1)) : { type: "text", value: part }));
}

function footnoteMark(label: string): Node {
  return { type: "footnoteMark", data: { hName: "sup", hProperties: { dataFootnote: label } }, children: [{ type: "text", value: label }] };
}

function footnote(node: Node): Node {
  const label = node.label ?? node.identifier ?? "";
  return { type: "footnote", data: { hName: "aside", hProperties: { dataFootnote: label } }, children: node.children ?? [] };
}

export const remarkPlugins: Options["remarkPlugins"] = [remarkGfm, remarkMath, ourMarkdown];
