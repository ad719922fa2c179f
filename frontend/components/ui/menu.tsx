"use client";
import { Check } from "lucide-react";
import { createContext, use, useEffect, useId, type KeyboardEvent, type ReactNode, type Ref } from "react";
import { cn } from "./cn";
import { usePopover } from "./popover";

export type MenuButtonProps = {
  ref: Ref<HTMLButtonElement>;
  id: string;
  "aria-haspopup": "menu";
  "aria-expanded": boolean;
  "aria-controls": string | undefined;
  onClick: () => void;
  onKeyDown: (event: KeyboardEvent) => void;
};

type MenuProps = {
  /** Draws the button, which must spread these props. */
  renderButton: (props: MenuButtonProps) => ReactNode;
  children: ReactNode;
  align?: "start" | "end";
  className?: string;
};

const Close = createContext<(refocus?: boolean) => void>(() => {});
const ITEMS = '[role^="menuitem"]:not([aria-disabled="true"])';

/** A menu button: arrows, Home, End and first letters move, Enter chooses, Escape and Tab leave. */
export function Menu({ renderButton, children, align = "start", className }: MenuProps) {
  const popover = usePopover<HTMLDivElement>(align);
  const id = useId();
  const { open, setOpen, close, panel } = popover;
  useEffect(() => {
    if (open) (panel.current?.querySelector<HTMLElement>('[aria-checked="true"]') ?? items(panel.current)[0])?.focus();
  }, [open, panel]);
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Tab") return close();
    const next = moved(event, items(panel.current));
    if (!next) return;
    event.preventDefault();
    next.focus();
  };
  return (
    <>
      {renderButton({
        ref: popover.button,
        id: `${id}b`,
        "aria-haspopup": "menu",
        "aria-expanded": open,
        "aria-controls": open ? id : undefined,
        onClick: () => setOpen(!open),
        onKeyDown: (event) => {
          if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
          event.preventDefault();
          setOpen(true);
        },
      })}
      {open && (
        <div
          ref={panel}
          id={id}
          role="menu"
          tabIndex={-1}
          popover="manual"
          aria-labelledby={`${id}b`}
          onKeyDown={keys}
          className={cn("popover max-h-[min(26rem,70dvh)] min-w-44 overflow-y-auto p-1", className)}
        >
          <Close value={close}>{children}</Close>
        </div>
      )}
    </>
  );
}

type MenuItemProps = {
  onSelect: () => void;
  icon?: ReactNode;
  children: ReactNode;
  /** Present where the line is a choice among several: whether it is the chosen one. */
  checked?: boolean;
  danger?: boolean;
  disabled?: boolean;
  hint?: ReactNode;
};

/** One line of a menu. A choice closes the menu first, so that whatever it opens may take the focus. */
export function MenuItem({ onSelect, icon, children, checked, danger, disabled, hint }: MenuItemProps) {
  const close = use(Close);
  const role = checked === undefined ? { role: "menuitem" } : { role: "menuitemradio", "aria-checked": checked };
  const choose = () => {
    if (disabled) return;
    close();
    onSelect();
  };
  return (
    <button
      type="button"
      tabIndex={-1}
      aria-disabled={disabled || undefined}
      {...role}
      onClick={choose}
      className={cn(
        "flex w-full cursor-pointer items-center gap-2.5 rounded-lg px-2.5 py-2 text-left text-sm outline-none [&_svg]:size-4 [&_svg]:shrink-0",
        "hover:bg-muted focus:bg-muted focus-visible:outline-2 focus-visible:-outline-offset-2",
        danger && "text-danger",
        disabled && "cursor-default opacity-50",
      )}
    >
      {icon}
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {hint && <span className="text-xs text-muted-fg">{hint}</span>}
      {checked !== undefined && <Check aria-hidden className={checked ? "" : "invisible"} />}
    </button>
  );
}

/** A caption above some lines of a menu. */
export const MenuLabel = ({ children }: { children: ReactNode }) => (
  <div role="presentation" className="px-2.5 pt-2 pb-1 text-xs font-medium text-muted-fg">
    {children}
  </div>
);

const items = (panel: HTMLElement | null) => [...(panel?.querySelectorAll<HTMLElement>(ITEMS) ?? [])];

/** The line that a key leads to; undefined: none. */
function moved(event: KeyboardEvent, lines: HTMLElement[]): HTMLElement | undefined {
  const at = lines.indexOf(document.activeElement as HTMLElement);
  const around = (index: number) => lines[(index + lines.length) % lines.length];
  if (event.key === "ArrowDown") return around(at + 1);
  if (event.key === "ArrowUp") return around(at < 0 ? -1 : at - 1);
  if (event.key === "Home") return lines[0];
  if (event.key === "End") return lines.at(-1);
  if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const letter = event.key.toLowerCase();
  const behind = [...lines.slice(at + 1), ...lines.slice(0, at + 1)];
  return behind.find((line) => line.textContent?.trim().toLowerCase().startsWith(letter));
}
