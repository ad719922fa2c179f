import { useId, type ComponentProps, type ReactNode } from "react";
import { cn } from "@/components/ui/cn";

type FieldProps = {
  label: string;
  hint: string;
  problem?: string | undefined;
  children: (props: { id: string; "aria-describedby": string; "aria-invalid": boolean }) => ReactNode;
};

/** A labelled input with a line below: what the input is for or, instead of that, what is wrong with its value. */
export function Field({ label, hint, problem, children }: FieldProps) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {label}
      </label>
      {children({ id, "aria-describedby": `${id}-hint`, "aria-invalid": Boolean(problem) })}
      <p id={`${id}-hint`} className={cn("mt-1 text-xs text-muted-fg", problem && "text-danger")}>
        {problem ?? hint}
      </p>
    </div>
  );
}

export const INPUT =
  "w-full rounded-lg border border-line bg-bg px-3 py-2 text-sm outline-none placeholder:text-muted-fg focus:border-accent aria-invalid:border-danger";

export const TextArea = ({ className, ...props }: ComponentProps<"textarea">) => <textarea dir="auto" {...props} className={cn(INPUT, "field min-h-16 resize-y", className)} />;
