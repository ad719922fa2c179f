import { useId, type ReactNode } from "react";
import { cn } from "@/components/ui/cn";

/** A part of the page with its heading, which names the part for people who jump between landmarks. */
export function Panel({ title, note, children, className }: { title: string; note?: ReactNode; children: ReactNode; className?: string }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={cn("min-w-0", className)}>
      <div className="mb-2 flex items-baseline gap-3">
        <h2 id={id} className="text-base font-semibold">
          {title}
        </h2>
        {note && <span className="text-sm text-muted-fg tabular-nums">{note}</span>}
      </div>
      {children}
    </section>
  );
}

const TONES = {
  quiet: "border border-muted-fg",
  accent: "bg-accent",
  good: "bg-good",
  warn: "bg-warn",
  danger: "bg-danger",
};

export type Tone = keyof typeof TONES;

/** A state in words; the coloured dot only repeats it. */
export const Badge = ({ tone, children }: { tone: Tone; children: ReactNode }) => (
  <span className="inline-flex max-w-full items-center gap-1.5 rounded-full bg-muted px-2 py-0.5 text-xs font-medium text-fg">
    <span aria-hidden className={cn("size-2 shrink-0 rounded-full", TONES[tone])} />
    <span className="truncate">{children}</span>
  </span>
);

/** A share of a whole as a bar; the number stands beside it as text. */
export function Bar({ value, max, tone = "bg-accent" }: { value: number; max: number; tone?: string }) {
  const percent = max > 0 ? Math.min(100, Math.max(0, (value / max) * 100)) : 0;
  return (
    <div aria-hidden className="h-1.5 overflow-hidden rounded-full bg-muted">
      <div className={cn("h-full rounded-full", tone)} style={{ width: `${percent}%` }} />
    </div>
  );
}

/** The text of a part that has nothing to show. */
export const Empty = ({ children }: { children: ReactNode }) => (
  <div className="rounded-xl border border-dashed border-line px-4 py-8 text-center text-sm text-muted-fg">{children}</div>
);
