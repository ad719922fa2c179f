/** Images of a message: made small in the browser, without what the camera wrote into them. */
import type { Attachment, AttachmentAdapter, PendingAttachment } from "@assistant-ui/react";
import { newId } from "@/lib/ids";
import { imagesMax, limits } from "./limits";
import { imagesOf } from "./message-images";

export const LONGEST_SIDE = 1568; // vision models see no more
const QUALITY = 0.85;
const SMALL_PNG = 512 * 1024; // drawings and screenshots keep their sharp edges

/** Width and height within the longest side, the shape kept; never larger than they were. */
export function fit(width: number, height: number, longest = LONGEST_SIDE): { width: number; height: number } {
  const scale = Math.min(1, longest / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** Drawn anew, as a data URL. JPEG: every engine reads it, which is not so for WebP. Raises for what is no image. */
export async function shrink(file: File): Promise<string> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} is not an image that this browser can read. Use PNG, JPEG, WebP or GIF.`);
  });
  const png = file.type === "image/png" && file.size <= SMALL_PNG;
  const canvas = Object.assign(document.createElement("canvas"), fit(bitmap.width, bitmap.height));
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser cannot draw images.");
  if (!png) paper(context, canvas);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL(png ? "image/png" : "image/jpeg", QUALITY);
}

const inMb = (bytes: number): string => (bytes / 1024 / 1024).toLocaleString("en", { maximumFractionDigits: 1 });

/** JPEG knows no transparency: what was clear would be black. */
function paper(context: CanvasRenderingContext2D, { width, height }: HTMLCanvasElement): void {
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
}

/** What a message's images weigh, as data URLs. */
const weightOf = (attachments: readonly Attachment[]): number =>
  attachments.flatMap(({ content = [] }) => imagesOf({ content, attachments: [] })).reduce((sum, { length }) => sum + length, 0);

type Held = () => readonly Attachment[];

/** One a thread; `countIn` tells what lies in its composer. One file after the other: each counts those before it. */
export function imageAttachments(make: (file: File) => Promise<string> = shrink): AttachmentAdapter & { countIn(held: Held): void } {
  let held: Held = () => [];
  let before: Promise<unknown> = Promise.resolve();
  const addOne = async (file: File): Promise<PendingAttachment> => {
    const image = await make(file);
    const most = imagesMax(limits.get());
    if (weightOf(held()) + image.length > most)
      throw new Error(`With ${file.name} the message's images are over ${inMb(most)} MB. Send it in another message.`);
    return {
      id: newId(),
      type: "image",
      name: file.name,
      contentType: file.type,
      file,
      content: [{ type: "image", image }],
      status: { type: "requires-action", reason: "composer-send" },
    };
  };
  return {
    accept: "*", // what is no image is refused by `make`, in words for people
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
