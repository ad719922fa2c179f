import type { ComponentProps } from "react";
import { cn } from "./cn";

const LOOKS = {
  primary: "bg-accent text-accent-fg hover:opacity-90",
  secondary: "border border-line bg-bg text-fg hover:bg-muted",
  ghost: "text-fg hover:bg-muted",
  danger: "border border-danger text-danger hover:bg-danger/10",
};

export type ButtonProps = ComponentProps<"button"> & { look?: keyof typeof LOOKS };

/** A button with words. Its `type` is "button" unless it is given, so that no button sends a form by accident. */
export const Button = ({ look = "secondary", className, ...props }: ButtonProps) => (
  <button
    type="button"
    {...props}
    className={cn(
      "inline-flex h-9 shrink-0 cursor-pointer items-center justify-center gap-2 rounded-lg px-3.5 text-sm font-medium whitespace-nowrap",
      "transition-colors disabled:pointer-events-none disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0",
      LOOKS[look],
      className,
    )}
  />
);
