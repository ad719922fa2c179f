"use client";
import { X } from "lucide-react";
import { createContext, use, useCallback, useEffect, useState, type ReactNode } from "react";
import { Button } from "./button";
import { IconButton } from "./icon-button";

export type Toast = { text: string; action?: { label: string; run: () => void } };
type Show = (toast: Toast) => void;

/** Long enough to read it and to reach "Undo" by keyboard. */
const SHOWN_MS = 8000;
const Toasts = createContext<Show>(() => {});

/** Shows a short message at the foot of the page; a newer one takes its place. */
export const useToast = () => use(Toasts);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toast, setToast] = useState<(Toast & { id: number }) | null>(null);
  const close = useCallback(() => setToast(null), []);
  const show = useCallback<Show>((next) => setToast((last) => ({ ...next, id: (last?.id ?? 0) + 1 })), []);
  return (
    <Toasts value={show}>
      {children}
      <output className="pointer-events-none fixed inset-x-4 bottom-28 z-40 flex justify-center">
        {toast && <ToastCard key={toast.id} toast={toast} close={close} />}
      </output>
    </Toasts>
  );
}

/** A toast. It stays while the pointer or the focus is on it. */
function ToastCard({ toast, close }: { toast: Toast; close: () => void }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(close, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [held, close]);
  const { text, action } = toast;
  return (
    <div
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
      className="pointer-events-auto flex max-w-full items-center gap-2 rounded-xl border border-line bg-bg py-1.5 pr-1.5 pl-4 text-sm shadow-lg"
    >
      <span className="min-w-0 truncate">{text}</span>
      {action && (
        <Button
          look="ghost"
          className="h-8 text-accent"
          onClick={() => {
            action.run();
            close();
          }}
        >
          {action.label}
        </Button>
      )}
      <IconButton label="Dismiss" className="size-8" onClick={close}>
        <X />
      </IconButton>
    </div>
  );
}
