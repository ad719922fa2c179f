"use client";
import { Code } from "@/components/answer/code/code";
import { Dialog } from "@/components/ui/dialog";
import type { TextFile } from "@/runtime";

/** A file as the model reads it. */
export default function FileDialog({ file, onClose }: { file: TextFile; onClose: () => void }) {
  const language = /\.([\w+#-]+)$/.exec(file.name)?.[1]?.toLowerCase() ?? "";
  return (
    <Dialog open onClose={onClose} title={file.name} className="w-[min(60rem,calc(100vw-2rem))]">
      <div className="answer min-h-0 overflow-y-auto p-4">
        <Code text={file.text} language={language} finished />
      </div>
    </Dialog>
  );
}
