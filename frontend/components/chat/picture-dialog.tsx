"use client";
import { Dialog } from "@/components/ui/dialog";

export default function PictureDialog({ source, name, onClose }: { source: string; name: string; onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title={name} className="w-fit max-w-[calc(100vw-2rem)]">
      <img src={source} alt={`${name}, large`} className="max-h-[80dvh] object-contain" />
    </Dialog>
  );
}
