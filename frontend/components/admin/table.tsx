import type { ReactNode } from "react";
import { cn } from "@/components/ui/cn";
import { CopyButton } from "@/components/ui/copy-button";
import { shortId } from "./format";

/** `spoken`: the title is for screen readers only. */
export type Column = { title: string; className?: string; spoken?: boolean };

/** The width of window from which a column is shown; a job's dialog has the rest. */
export const FROM_SM = "max-sm:hidden";
export const FROM_MD = "max-md:hidden";
export const FROM_LG = "max-lg:hidden";

/** A table whose columns keep their widths while its rows change. */
export const Table = ({ label, columns, children }: { label: string; columns: Column[]; children: ReactNode }) => (
  <div className="overflow-x-auto rounded-xl border border-line">
    <table aria-label={label} className="w-full table-fixed border-collapse text-sm">
      <thead className="text-left text-xs text-muted-fg">
        <tr>
          {columns.map(({ title, className, spoken }) => (
            <th key={title} scope="col" className={cn("px-2 py-2 font-medium sm:px-3", className)}>
              <span className={spoken ? "sr-only" : undefined}>{title}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);

export const Row = ({ children }: { children: ReactNode }) => (
  <tr className="relative border-t border-line hover:bg-muted/50">{children}</tr>
);

export const Cell = ({ className, title, children }: { className?: string; title?: string; children: ReactNode }) => (
  <td title={title} className={cn("truncate px-2 py-1.5 sm:px-3", className)}>
    {children}
  </td>
);

/** The cell of an id. The id opens its row, and takes clicks on the whole row; a button copies the id. */
export const IdCell = ({ id, onOpen }: { id: string; onOpen?: () => void }) => (
  <td className="px-2 py-1.5 sm:px-3">
    <span className="flex min-h-7 items-center gap-1">
      {onOpen ? (
        <button type="button" onClick={onOpen} title={id} className="cursor-pointer truncate font-mono text-accent after:absolute after:inset-0">
          <span className="sr-only">Open job </span>
          {shortId(id)}
        </button>
      ) : (
        <span className="truncate font-mono" title={id}>
          {shortId(id)}
        </span>
      )}
      <CopyButton text={id} label={`Copy the id ${shortId(id)}`} className="relative size-7 max-sm:hidden [&_svg]:size-3.5" />
    </span>
  </td>
);
