/** Reads files of text and code in the browser; they are sent as words, which every engine can read. */

/** Bytes of one file. More is rarely read to its end: a model of 128,000 tokens takes about twice as much. */
export const FILE_MAX = 256 * 1024;
const SNIFFED = 64 * 1024; // bytes at the start, which show whether a file is a text

/**
 * A file's text, with `\n` as line ends; null: the file is no text. Raises, with a sentence for people, for a text that
 * is refused.
 */
export async function readText(file: File): Promise<string | null> {
  const sniffed = decoded(await bytesOf(file.slice(0, SNIFFED), file.name), true);
  if (sniffed === null) return null;
  if (file.size > FILE_MAX) throw new Error(`${file.name} is over ${FILE_MAX / 1024} KB, which is the most for a file of text. Attach a part of it.`);
  const text = decoded(await bytesOf(file, file.name), false);
  if (text?.trim() === "") throw new Error(`${file.name} is empty.`);
  return text?.replace(/\r\n?/g, "\n").replace(/\n$/, "") ?? null;
}

const bytesOf = (file: Blob, name: string): Promise<Uint8Array> =>
  file.arrayBuffer().then(
    (buffer) => new Uint8Array(buffer),
    () => {
      throw new Error(`${name} could not be read. A folder cannot be attached, its files can.`);
    },
  );

/**
 * The bytes read as UTF-8, or as UTF-16 where they begin with its mark; null: neither. Guessing any other encoding
 * would show wrong letters to the model.
 */
function decoded(bytes: Uint8Array, cut: boolean): string | null {
  try {
    const text = new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes, { stream: cut });
    return BINARY.test(text) ? null : text;
  } catch {
    return null;
  }
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}

/** Control characters that no text has; those of a terminal's colours may stand in a log. */
// oxlint-disable-next-line no-control-regex
const BINARY = /[\0-\x07\x0e-\x1a\x1c-\x1f]/;
