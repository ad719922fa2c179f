"use client";
import { memo } from "react";
import { count } from "./format";
import { Badge, Bar, Empty, Panel } from "./parts";
import type { ClassQueue } from "./types";
import { useFeed } from "./use-feed";

/** The waiting jobs: by class, which decides the order, and by tenant, since tenants take turns. */
export function QueuePanel() {
  const queue = useFeed((state) => state.queue);
  const note = queue ? `${count(queue.waiting)} waiting, ${count(queue.running)} running` : undefined;
  return (
    <Panel title="Queue" note={note}>
      {!queue && <Empty>Waiting for the first look at the queue.</Empty>}
      {queue && (
        <div className="grid gap-3">
          {queue.classes.map((entry) => (
            <ClassCard key={entry.class} entry={entry} />
          ))}
        </div>
      )}
    </Panel>
  );
}

const ClassCard = memo(function ClassCard({ entry }: { entry: ClassQueue }) {
  // By name, not by number: a bar that changes its place every second cannot be read.
  const tenants = entry.tenants.toSorted((first, second) => first.tenant.localeCompare(second.tenant));
  const most = Math.max(1, ...entry.tenants.map((tenant) => tenant.waiting));
  return (
    <div className="rounded-xl border border-line p-3">
      <div className="flex items-center gap-2">
        <h3 className="text-sm font-medium">{entry.class}</h3>
        {entry.returned > 0 && <Badge tone="warn">{count(entry.returned)} returned, go first</Badge>}
        <span className="ml-auto text-sm tabular-nums">{count(entry.waiting)} waiting</span>
      </div>
      {tenants.length > 0 && (
        <ul className="mt-2 grid gap-1.5">
          {tenants.map(({ tenant, waiting }) => (
            <li key={tenant} className="grid grid-cols-[minmax(0,9rem)_1fr_5ch] items-center gap-3 text-sm">
              <span className="truncate text-muted-fg" title={tenant}>
                {tenant}
              </span>
              <Bar value={waiting} max={most} tone="bg-warn" />
              <span className="text-right tabular-nums">{count(waiting)}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
});
