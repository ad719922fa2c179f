/**
 * Text files within a message. On the page they are attachments; everywhere else (in what the model reads, in what is
 * stored, waiting or exported) they stand behind the message's words, each fenced below its name.
 */
import { useAuiState, type CompleteAttachment, type ThreadMessage } from "@assistant-ui/react";
import { useMemo } from "react";

export type TextFile = { name: string; text: string };
type WithAttachments = Pick<ThreadMessage, "attachments">;

const HEAD = "Attached file: ";
const NAME_MAX = 200; // characters
const TRIES = 100; // places where files may begin: a message full of such lines must not stop the page

/** The message as one text. */
export const withFiles = (words: string, files: readonly TextFile[]): string => [...(words ? [words] : []), ...files.map(fenced)].join("\n\n");

/** The reverse of `withFiles`. Words that look like a file stay words unless only files follow. */
export function splitFiles(message: string): { words: string; files: TextFile[] } {
  for (let at = firstHead(message, 0), tries = 0; at >= 0 && tries < TRIES; at = firstHead(message, at + 1), tries++) {
    const files = filesFrom(message, at);
    if (files) return { words: message.slice(0, Math.max(0, at - 2)), files };
  }
  return { words: message, files: [] };
}

function firstHead(message: string, from: number): number {
  if (from === 0 && message.startsWith(HEAD)) return 0;
  const at = message.indexOf(`\n\n${HEAD}`, Math.max(0, from - 2));
  return at < 0 ? at : at + 2;
}

/** The files that the message consists of from this place on, or null. */
function filesFrom(message: string, begin: number): TextFile[] | null {
  const files: TextFile[] = [];
  for (let at = begin; ; at += 2) {
    const open = OPEN.exec(message.slice(at, at + NAME_MAX * 5));
    if (!open) return null;
    const body = at + open[0].length;
    const close = message.indexOf(`\n${open[2]}`, body - 1);
    if (close < 0) return null;
    files.push({ name: open[1]!, text: message.slice(body, close) });
    at = close + 1 + open[2]!.length;
    if (at === message.length) return files;
    if (!message.startsWith("\n\n", at)) return null;
  }
}

const OPEN = new RegExp(`^${HEAD}([^\\n]{1,${NAME_MAX * 2}})\\n(\`{3,})[\\w+#-]*\\n`);

/** The fence is longer than any in the file. */
function fenced({ name, text }: TextFile): string {
  const ticks = text.match(/`{3,}/g)?.reduce((most, { length }) => Math.max(most, length), 2) ?? 2;
  const fence = "`".repeat(ticks + 1);
  const language = /\.([\w+#-]{1,20})$/.exec(name)?.[1]?.toLowerCase() ?? "";
  return `${HEAD}${name}\n${fence}${language}\n${text}\n${fence}`;
}

/** A file's name in one line: without signs that break the line or turn its letters around. */
export const plainName = (name: string): string => Array.from(name.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, " ")).slice(-NAME_MAX).join("") || "file";

export const filesOf = ({ attachments = [] }: WithAttachments): TextFile[] =>
  attachments.flatMap(({ name, type, content }) => (type === "document" ? [{ name, text: textIn(content) }] : []));

/** The text of an attachment; "" for an image. */
export const textIn = (content: CompleteAttachment["content"] = []): string => content.map((part) => (part.type === "text" ? part.text : "")).join("");

export const toFileAttachment = ({ name, text }: TextFile, place: number) => ({
  id: `file-${place}`,
  type: "document" as const,
  name,
  contentType: "text/plain",
  status: { type: "complete" as const },
  content: [{ type: "text" as const, text }],
});

/** The text files of the message around the caller. */
export function useMessageFiles(): TextFile[] {
  const attachments = useAuiState((s) => s.message.attachments);
  return useMemo(() => filesOf({ attachments }), [attachments]);
}
