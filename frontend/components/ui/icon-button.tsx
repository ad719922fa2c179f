import type { ComponentProps } from "react";
import { cn } from "./cn";

export type IconButtonProps = ComponentProps<"button"> & { label: string };

/** A button with only an icon; `label` is its name for screen readers and its hint under the pointer. */
export const IconButton = ({ label, className, ...props }: IconButtonProps) => (
  <button
    type="button"
    aria-label={label}
    title={label}
    {...props}
    className={cn(
      "inline-flex size-9 shrink-0 cursor-pointer items-center justify-center rounded-lg text-muted-fg transition-colors",
      "hover:bg-muted hover:text-fg disabled:pointer-events-none disabled:opacity-40 [&_svg]:size-4.5",
      className,
    )}
  />
);
