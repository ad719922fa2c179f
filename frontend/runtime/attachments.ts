/** What goes with a message: images, made small in the browser, and files of text. */
import type { Attachment, AttachmentAdapter, PendingAttachment } from "@assistant-ui/react";
import { newId } from "@/lib/ids";
import { shrink } from "./images";
import { attachmentsMax, limits } from "./limits";
import { plainName } from "./message-files";
import { readText } from "./text-files";

type Content = Pick<PendingAttachment, "type" | "content">;

const encoder = new TextEncoder();
const inMb = (bytes: number): string => (bytes / 1024 / 1024).toLocaleString("en", { maximumFractionDigits: 1 });

/** Bytes that they add to a request. */
const weightOf = (attachments: readonly Pick<Attachment, "content">[]): number =>
  attachments.flatMap(({ content = [] }) => content).reduce((sum, part) => sum + encoder.encode(JSON.stringify(part)).length, 0);

type Held = () => readonly Attachment[];

/** One a thread; `countIn` tells what lies in its composer. One file after the other: each counts those before it. */
export function fileAttachments(make: (file: File) => Promise<string> = shrink): AttachmentAdapter & { countIn(held: Held): void } {
  let held: Held = () => [];
  let before: Promise<unknown> = Promise.resolve();
  const addOne = async (file: File): Promise<PendingAttachment> => {
    const { type, content } = await contentOf(file, make);
    const most = attachmentsMax(limits.get());
    if (weightOf([...held(), { content }]) > most)
      throw new Error(`With ${file.name} the message's attachments are over ${inMb(most)} MB. Send it in another message.`);
    return { id: newId(), type, name: plainName(file.name), contentType: file.type, file, content, status: { type: "requires-action", reason: "composer-send" } };
  };
  return {
    accept: "*", // what is neither is refused in words for people
    add({ file }) {
      const added = before.then(() => addOne(file));
      before = added.catch(() => undefined);
      return added;
    },
    countIn: (composer) => void (held = composer),
    async remove() {},
    async send(attachment) {
      return { ...attachment, content: attachment.content ?? [], status: { type: "complete" } };
    },
  };
}

/** A drawing of type SVG is text: no engine reads it as an image. Of other files only what is in them tells. */
async function contentOf(file: File, make: (file: File) => Promise<string>): Promise<Required<Content>> {
  if (file.type.startsWith("image/") && file.type !== "image/svg+xml") return { type: "image", content: [{ type: "image", image: await make(file) }] };
  const text = await readText(file);
  if (text === null) throw new Error(`${file.name} is neither an image nor a text in UTF-8. Attach images, texts or code.`);
  return { type: "document", content: [{ type: "text", text }] };
}

const coming = new Set<Promise<unknown>>();

/** Puts a file into what is being written; raises, in words for people, where it is refused. */
export function attach(composer: { addAttachment: (file: File) => Promise<void> }, file: File): Promise<void> {
  const adding = composer.addAttachment(file);
  coming.add(adding);
  adding.catch(() => undefined).finally(() => coming.delete(adding));
  return adding;
}

/** Whether a file is still on its way: a large image takes a moment to be made small. */
export const isAttaching = (): boolean => coming.size > 0;

/** Waits until none is. False: one of them was refused. */
export async function attached(): Promise<boolean> {
  const all = await Promise.allSettled(coming);
  return all.every(({ status }) => status === "fulfilled");
}
