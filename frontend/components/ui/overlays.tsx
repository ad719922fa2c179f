"use client";
import { createContext, use, useCallback, useMemo, useState, useSyncExternalStore, type ReactNode } from "react";
import { load, save } from "@/lib/storage";
import { useWide } from "./use-wide";

export type Overlay = "palette" | "settings" | "shortcuts";

type Overlays = {
  overlay: Overlay | null;
  show: (overlay: Overlay) => void;
  close: () => void;
  /** The message that the conversation shows as soon as it is loaded. */
  target: string | null;
  setTarget: (id: string | null) => void;
  sidebar: boolean;
  setSidebar: (open: boolean) => void;
};

const nothing = () => {};
const Context = createContext<Overlays>({
  overlay: null,
  show: nothing,
  close: nothing,
  target: null,
  setTarget: nothing,
  sidebar: true,
  setSidebar: nothing,
});

/** The sheet that lies over the page, the sidebar and the target of a search, and how to change them from anywhere. */
export const useOverlays = () => use(Context);

export function OverlayProvider({ children }: { children: ReactNode }) {
  const [overlay, show] = useState<Overlay | null>(null);
  const [target, setTarget] = useState<string | null>(null);
  const [sidebar, setSidebar] = useSidebarState();
  const value = useMemo(
    () => ({ overlay, show, close: () => show(null), target, setTarget, sidebar, setSidebar }),
    [overlay, target, sidebar, setSidebar],
  );
  return <Context value={value}>{children}</Context>;
}

const KEY = "sidebar";
const never = () => () => {};

/** The sidebar is open on wide screens unless the user closed it; on phones it is a drawer that begins closed. */
function useSidebarState(): [boolean, (open: boolean) => void] {
  const wide = useWide();
  const stored = useSyncExternalStore(never, () => load(KEY, ""), () => "");
  const [choice, setChoice] = useState<{ wide: boolean; open: boolean } | null>(null);
  const choose = useCallback(
    (open: boolean) => {
      setChoice({ wide, open });
      if (wide) save(KEY, open ? "open" : "closed");
    },
    [wide],
  );
  return [choice?.wide === wide ? choice.open : wide && stored !== "closed", choose];
}
