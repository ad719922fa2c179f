"use client";

import { useContext, type ComponentProps, type ReactNode } from "react";
import type { Components, ExtraProps } from "react-markdown";
import { Code } from "../code/code";
import { Diagram } from "../diagram/diagram";
import { Scroller } from "../scroller";
import { FootnoteMark, FootnoteText } from "./footnotes";
import { OpenEnd } from "./open-end";
import { inlineImage } from "./urls";

type ElementProps<Tag extends keyof React.JSX.IntrinsicElements> = ComponentProps<Tag> & ExtraProps;

/** A link to another site: it opens beside the chat, and sends the site nothing about it. */
function Link({ href, children }: ElementProps<"a">) {
  if (!href) return <span>{children}</span>;
  return (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

/**
 * An image. One from elsewhere is never fetched, because an address made by the model could send the chat to another
 * host.
 */
function Image({ src, alt }: ElementProps<"img">) {
  const words = alt || "without a description";
  if (typeof src !== "string" || !src) return <span className="answer-chip">Image: {words}</span>;
  if (inlineImage(src)) return <img src={src} alt={alt ?? ""} className="max-h-96 max-w-full rounded" />;
  return (
    <span className="answer-chip">
      Image not loaded: <Link href={src}>{words}</Link>
    </span>
  );
}

function Table({ children, dir }: ElementProps<"table">) {
  return (
    <Scroller label="Table" className="answer-table" dir={dir}>
      <table>{children}</table>
    </Scroller>
  );
}

function HeadCell({ children, style, dir }: ElementProps<"th">) {
  return (
    <th scope="col" style={style} dir={dir}>
      {children}
    </th>
  );
}

/** A task in a list, which can only be read. */
function Task({ checked }: ElementProps<"input">) {
  return <input type="checkbox" checked={checked === true} readOnly disabled aria-label={checked ? "done" : "to do"} />;
}

/**
 * Code within words is written from left to right in every language, and does not decide the direction of the words.
 */
function InlineCode({ className, children }: ElementProps<"code">) {
  return (
    <code className={className} dir="ltr">
      {children}
    </code>
  );
}

/** Code, or a diagram where the language is Mermaid. */
function Pre({ node }: ElementProps<"pre">) {
  const openEnd = useContext(OpenEnd);
  const { language, text } = codeIn(node);
  const finished = (node?.position?.end.offset ?? 0) < openEnd;
  if (language === "math") return <InlineCode className="answer-formula block">{text}</InlineCode>; // until KaTeX is there
  return <Verbatim language={language} text={text} finished={finished} />;
}

/** The content of a fence. */
export function Verbatim({ language, text, finished }: { language: string; text: string; finished: boolean }) {
  if (language === "mermaid") return <Diagram source={text} finished={finished} />;
  return <Code text={text} language={language} finished={finished} />;
}

function codeIn(node: ExtraProps["node"]): { language: string; text: string } {
  const code = node?.children[0];
  if (code?.type !== "element") return { language: "", text: "" };
  const classes = code.properties["className"];
  const language = /language-(\S+)/.exec(Array.isArray(classes) ? classes.join(" ") : "")?.[1] ?? "";
  const text = code.children.map((child) => (child.type === "text" ? child.value : "")).join("");
  return { language: language.toLowerCase(), text: text.replace(/\n$/, "") };
}

/** An answer's headings stand below the page's own. */
const heading = (Tag: "h3" | "h4" | "h5" | "h6") =>
  function Heading({ children, dir }: { children?: ReactNode; dir?: string | undefined }) {
    return <Tag dir={dir}>{children}</Tag>;
  };

export const components: Components = {
  a: Link,
  img: Image,
  table: Table,
  th: HeadCell,
  input: Task,
  code: InlineCode,
  pre: Pre,
  sup: FootnoteMark,
  aside: FootnoteText,
  h1: heading("h3"),
  h2: heading("h4"),
  h3: heading("h5"),
  h4: heading("h6"),
  h5: heading("h6"),
  h6: heading("h6"),
};
