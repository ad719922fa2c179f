"use client";
import { X } from "lucide-react";
import { useId, useLayoutEffect, useRef, type MouseEvent, type ReactNode } from "react";
import { cn } from "./cn";
import { IconButton } from "./icon-button";

export type DialogProps = {
  open: boolean;
  /** Called by Escape, the backdrop and the cross; the owner then sets `open` to false. */
  onClose: () => void;
  title: string;
  children: ReactNode;
  /** Without a bar the title is for screen readers only, and the content has its own way to close. */
  bare?: boolean;
  className?: string;
};

/** The platform's modal dialog: the page behind is inert, focus stays inside and goes back to where it was. */
export function Dialog({ open, onClose, title, children, bare = false, className }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useModal(ref, open);
  const outside = (event: MouseEvent) => {
    if (event.target === ref.current) onClose();
  };
  return (
    // The backdrop is the dialog's own box; Escape does the same for the keyboard.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
    <dialog
      ref={ref}
      aria-labelledby={titleId}
      onMouseDown={outside}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      className={cn("dialog m-auto w-[min(32rem,calc(100vw-2rem))] rounded-2xl border border-line bg-bg p-0 text-fg shadow-2xl", className)}
    >
      {open && (
        <div className="flex max-h-[inherit] min-h-0 flex-col">
          <div className={bare ? "sr-only" : "flex items-center gap-2 border-b border-line py-2.5 pr-2.5 pl-5"}>
            <h2 id={titleId} dir="auto" className="mr-auto min-w-0 text-base font-semibold wrap-anywhere">
              {title}
            </h2>
            {!bare && (
              <IconButton label="Close" onClick={onClose}>
                <X />
              </IconButton>
            )}
          </div>
          {children}
        </div>
      )}
    </dialog>
  );
}

/** Opens and closes with `open`; closing before the node leaves the page lets the browser give the focus back. */
function useModal(ref: { current: HTMLDialogElement | null }, open: boolean) {
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (!dialog || !open) return;
    const before = document.activeElement;
    dialog.showModal?.();
    dialog.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      dialog.close?.();
      if (document.activeElement === document.body && before instanceof HTMLElement) before.focus();
    };
  }, [ref, open]);
}
