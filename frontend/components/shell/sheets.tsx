"use client";
import { late } from "@/components/ui/late";
import { useOverlays } from "@/components/ui/overlays";

const SHEETS = {
  palette: late(() => import("./palette/palette")),
  settings: late(() => import("./settings/settings-dialog")),
  shortcuts: late(() => import("./shortcut-sheet")),
};

/** The open sheet. It is drawn inside of every provider that a sheet may use. */
export function Sheets() {
  const { overlay, close } = useOverlays();
  const Sheet = overlay ? SHEETS[overlay] : null;
  return Sheet && <Sheet onClose={close} />;
}
