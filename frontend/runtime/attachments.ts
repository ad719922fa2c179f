/** What is attached to a message: images, made small in the browser, and text files. */
import type { Attachment, AttachmentAdapter, PendingAttachment } from "@assistant-ui/react";
import { newId } from "@/lib/ids";
import { shrink } from "./images";
import { attachmentsMax, limits } from "./limits";
import { plainName } from "./message-files";
import { readText } from "./text-files";

type Content = Pick<PendingAttachment, "type" | "content">;

const encoder = new TextEncoder();
const inMb = (bytes: number): string => (bytes / 1024 / 1024).toLocaleString("en", { maximumFractionDigits: 1 });

/** Bytes that the attachments add to a request. */
const weightOf = (attachments: readonly Pick<Attachment, "content">[]): number =>
  attachments.flatMap(({ content = [] }) => content).reduce((sum, part) => sum + encoder.encode(JSON.stringify(part)).length, 0);

type Attached = () => readonly Attachment[];

/**
 * Make one for each thread; `countIn` gives it the attachments in the thread's composer. Files are added one after the
 * other, so that each counts those before it.
 */
export function fileAttachments(make: (file: File) => Promise<string> = shrink): AttachmentAdapter & { countIn(composer: Attached): void } {
  let inComposer: Attached = () => [];
  let before: Promise<unknown> = Promise.resolve();
  const addOne = async (file: File): Promise<PendingAttachment> => {
    const { type, content } = await contentOf(file, make);
    const most = attachmentsMax(limits.get());
    if (weightOf([...inComposer(), { content }]) > most)
      throw new Error(`With ${file.name} the message's attachments are over ${inMb(most)} MB. Send it in another message.`);
    return { id: newId(), type, name: plainName(file.name), contentType: file.type, file, content, status: { type: "requires-action", reason: "composer-send" } };
  };
  return {
    accept: "*", // a file that is neither image nor text is refused with a sentence for people
    add({ file }) {
      const added = before.then(() => addOne(file));
      before = added.catch(() => undefined);
      return added;
    },
    countIn: (composer) => void (inComposer = composer),
    async remove() {},
    async send(attachment) {
      return { ...attachment, content: attachment.content ?? [], status: { type: "complete" } };
    },
  };
}

/**
 * An SVG file is sent as text, because no engine reads it as an image. Whether another file is text is seen from its
 * content.
 */
async function contentOf(file: File, make: (file: File) => Promise<string>): Promise<Required<Content>> {
  if (file.type.startsWith("image/") && file.type !== "image/svg+xml") return { type: "image", content: [{ type: "image", image: await make(file) }] };
  const text = await readText(file);
  if (text === null) throw new Error(`${file.name} is neither an image nor a text in UTF-8. Attach images, texts or code.`);
  return { type: "document", content: [{ type: "text", text }] };
}

const coming = new Set<Promise<unknown>>();

/** Attaches a file to the message that is being written; raises, with a sentence for people, where it is refused. */
export function attach(composer: { addAttachment: (file: File) => Promise<void> }, file: File): Promise<void> {
  const adding = composer.addAttachment(file);
  coming.add(adding);
  adding.catch(() => undefined).finally(() => coming.delete(adding));
  return adding;
}

/** Whether a file is still being added: a large image takes a moment to be made small. */
export const isAttaching = (): boolean => coming.size > 0;

/** Waits until no file is being added. False: one of them was refused. */
export async function attached(): Promise<boolean> {
  const all = await Promise.allSettled(coming);
  return all.every(({ status }) => status === "fulfilled");
}
