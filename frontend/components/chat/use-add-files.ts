"use client";
import { useAui } from "@assistant-ui/react";
import { useCallback } from "react";
import { attach, notify } from "@/runtime";

/**
 * Adds files to the message that is being written; a file that is refused shows the reason, and does not affect the
 * others.
 */
export function useAddFiles() {
  const aui = useAui();
  return useCallback(
    async (files: File[]) => {
      const added = await Promise.allSettled(files.map((file) => attach(aui.composer, file)));
      for (const each of added) if (each.status === "rejected") notify(sentence(each.reason));
    },
    [aui],
  );
}

const sentence = (reason: unknown) => (reason instanceof Error ? reason.message : "This file could not be attached.");
