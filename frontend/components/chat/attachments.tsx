"use client";
import { useAui, useAuiState, type Attachment } from "@assistant-ui/react";
import { X } from "lucide-react";
import { useEffect, useState } from "react";
import { textIn } from "@/runtime";
import { BlindNotice } from "./blind-notice";
import { FileChip } from "./file-chip";
import { LongNotice } from "./long-notice";
import { Picture } from "./picture";

/** The attachments of the message that is being written: images and files, each with a button that removes it. */
export function AttachmentList() {
  const attachments = useAuiState((s) => s.composer.attachments);
  if (attachments.length === 0) return null;
  return (
    <>
      <ul aria-label="Attachments" className="mb-2 flex flex-wrap gap-2">
        {attachments.map((attachment) => (
          <Thumbnail key={attachment.id} attachment={attachment} />
        ))}
      </ul>
      <BlindNotice />
      <LongNotice />
    </>
  );
}

function Thumbnail({ attachment }: { attachment: Attachment }) {
  const aui = useAui();
  const source = useSource(attachment);
  return (
    <li className="relative">
      {source ? (
        <Picture source={source} name={attachment.name} className="size-16 rounded-xl" />
      ) : (
        <FileChip file={{ name: attachment.name, text: textIn(attachment.content) }} />
      )}
      <button
        type="button"
        aria-label={`Remove ${attachment.name}`}
        onClick={() => void aui.composer.attachment({ id: attachment.id }).remove()}
        className="absolute -top-1.5 -right-1.5 inline-flex size-6 cursor-pointer items-center justify-center rounded-full border border-line bg-bg text-muted-fg hover:text-fg"
      >
        <X aria-hidden className="size-3.5" />
      </button>
    </li>
  );
}

/** The URL of the image, or of the chosen file while the image is not made yet. */
function useSource({ content, file, type }: Attachment): string | undefined {
  const ready = content?.find((part) => part.type === "image")?.image;
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (ready || !file || type !== "image") return;
    const made = URL.createObjectURL(file);
    // oxlint-disable-next-line react/set-state-in-effect -- the URL is a resource that this effect also gives back
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [ready, file, type]);
  return ready ?? url;
}
