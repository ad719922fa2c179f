"use client";

import type { ReactNode, Ref, UIEvent } from "react";

/**
 * A box that scrolls in itself. It takes the focus, so that the keyboard can scroll it too. It is a group and not a
 * region: regions are places to jump to, and a long chat would have hundreds of the same name.
 */
export function Scroller({ label, className, children, ref, onScroll, dir }: ScrollerProps) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex, jsx-a11y/prefer-tag-over-role
    <div ref={ref} tabIndex={0} role="group" aria-label={label} dir={dir} className={className} onScroll={onScroll}>
      {children}
    </div>
  );
}

type ScrollerProps = {
  label: string;
  className: string;
  children: ReactNode;
  ref?: Ref<HTMLDivElement>;
  onScroll?: (event: UIEvent) => void;
  dir?: string | undefined;
};
