import { useAuiState, type ThreadMessage } from "@assistant-ui/react";
import { useMemo } from "react";

type WithParts = Pick<ThreadMessage, "content" | "attachments">;

/** Data URLs of a message's images, attached ones first. */
export const imagesOf = ({ content, attachments = [] }: WithParts): string[] =>
  [...attachments.flatMap((attachment) => attachment.content), ...content].flatMap((part) =>
    part.type === "image" ? [part.image] : [],
  );

/** The images of the message around the caller. */
export function useMessageImages(): string[] {
  const content = useAuiState((s) => s.message.content);
  const attachments = useAuiState((s) => s.message.attachments);
  return useMemo(() => imagesOf({ content, attachments }), [content, attachments]);
}
