import { useRef, type KeyboardEvent } from "react";
import { cn } from "@/components/ui/cn";

type Tab<T extends string> = { value: T; label: string };
type TabsProps<T extends string> = { id: string; label: string; value: T; tabs: Tab<T>[]; onChange: (value: T) => void };

/** Tabs as people know them from the keyboard: one stop, arrows move and choose. The panel is `${id}-panel`. */
export function Tabs<T extends string>({ id, label, value, tabs, onChange }: TabsProps<T>) {
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const index = target(event.key, tabs.findIndex((tab) => tab.value === value), tabs.length);
    if (index === undefined) return;
    event.preventDefault();
    onChange(tabs[index]!.value);
    list.current?.querySelectorAll<HTMLElement>('[role="tab"]')[index]?.focus();
  };
  return (
    <div ref={list} role="tablist" aria-label={label} tabIndex={-1} onKeyDown={move} className="flex gap-1">
      {tabs.map((tab) => (
        <button
          key={tab.value}
          type="button"
          role="tab"
          id={`${id}-${tab.value}`}
          aria-selected={tab.value === value}
          aria-controls={`${id}-panel`}
          tabIndex={tab.value === value ? 0 : -1}
          onClick={() => onChange(tab.value)}
          className={cn(
            "h-9 cursor-pointer rounded-lg px-3 text-sm whitespace-nowrap",
            tab.value === value ? "bg-muted font-medium text-fg" : "text-muted-fg hover:text-fg",
          )}
        >
          {tab.label}
        </button>
      ))}
    </div>
  );
}

function target(key: string, at: number, length: number): number | undefined {
  if (key === "ArrowRight") return (at + 1) % length;
  if (key === "ArrowLeft") return (at + length - 1) % length;
  if (key === "Home") return 0;
  if (key === "End") return length - 1;
  return undefined;
}
