"use client";
import { useAui } from "@assistant-ui/react";
import { useCallback } from "react";
import { notify } from "@/runtime";

/** Adds files to the message that is being written; one that is refused leaves the others. */
export function useAddFiles() {
  const aui = useAui();
  return useCallback(
    async (files: File[]) => {
      const added = await Promise.allSettled(files.map((file) => aui.composer.addAttachment(file)));
      const refused = added.filter((each) => each.status === "rejected");
      if (refused.length > 0) notify("Only images can be attached: PNG, JPEG, WebP or GIF.");
    },
    [aui],
  );
}
