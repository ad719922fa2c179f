"use client";
import { useCallback, type ClipboardEvent } from "react";
import { useAddFiles } from "./use-add-files";

/**
 * Attaches files from the clipboard. Words are pasted instead of a picture of them, which Word and Excel put beside the
 * copied words.
 */
export function usePasteFiles() {
  const add = useAddFiles();
  return useCallback(
    (event: ClipboardEvent) => {
      const files = [...event.clipboardData.files];
      if (files.length === 0 || hasWords(event.clipboardData.getData("text/plain"), files)) return;
      event.preventDefault();
      void add(files);
    },
    [add],
  );
}

/** Whether the text is more than the files' own names and paths, which a file manager puts beside them. */
export function hasWords(text: string, files: readonly { name: string }[]): boolean {
  const names = new Set(files.map(({ name }) => name));
  return text.split(/[\r\n]+/).some((line) => line.trim() !== "" && !names.has(decoded(line.trim().replace(/^.*[\\/]/, ""))));
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
