"use client";
import { useImperativeHandle, useLayoutEffect, useRef, type ComponentProps, type Ref } from "react";
import { cn } from "@/components/ui/cn";

type TextFieldProps = Omit<ComponentProps<"textarea">, "ref" | "value" | "onChange"> & {
  ref?: Ref<HTMLTextAreaElement>;
  label: string;
  text: string;
  onText: (text: string) => void;
};

/**
 * A text area as tall as its text. The browser keeps the value, so that a key draws nothing anew, the caret never
 * jumps, and an input method is not disturbed. Only a text from elsewhere (a draft, a sent message) is written into the
 * field.
 */
export function TextField({ ref, label, text, onText, className, ...props }: TextFieldProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  useImperativeHandle(ref, () => field.current as HTMLTextAreaElement);
  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    if (area.value !== text) area.value = text;
    fit(area);
  }, [text]);
  return (
    <textarea
      rows={1}
      {...props}
      ref={field}
      aria-label={label}
      dir="auto"
      defaultValue={text}
      onInput={(event) => onText(event.currentTarget.value)}
      className={cn("field max-h-[40dvh] w-full resize-none bg-transparent px-1 py-1 leading-relaxed outline-none placeholder:text-muted-fg", className)}
    />
  );
}

/** Sets the height in browsers without `field-sizing`. */
function fit(area: HTMLTextAreaElement) {
  if (typeof CSS === "undefined" || CSS.supports?.("field-sizing", "content")) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}
