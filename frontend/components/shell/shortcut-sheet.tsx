"use client";
import { Dialog } from "@/components/ui/dialog";
import { Keys } from "@/components/ui/keys";
import { useEnterSends } from "@/components/ui/use-enter-sends";
import { SHORTCUTS, composerKeys, isMac, printed, type Shortcut } from "./shortcuts";

const GROUPS: Shortcut["group"][] = ["Everywhere", "Conversations", "This conversation"];

export default function ShortcutSheet({ onClose }: { onClose: () => void }) {
  const enterSends = useEnterSends();
  return (
    <Dialog open onClose={onClose} title="Keyboard shortcuts" className="w-[min(46rem,calc(100vw-2rem))]">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the arrow keys scroll it where it is higher than the page */}
      <section tabIndex={0} aria-label="All shortcuts" className="grid gap-x-10 gap-y-5 overflow-y-auto p-5 sm:grid-cols-2">
        {GROUPS.map((group) => (
          <Section key={group} title={group} lines={SHORTCUTS.filter((shortcut) => shortcut.group === group)} />
        ))}
        <Section title="While writing" lines={composerKeys(enterSends)} />
      </section>
    </Dialog>
  );
}

function Section({ title, lines }: { title: string; lines: { keys: string[]; does: string }[] }) {
  const mac = isMac();
  return (
    <section>
      <h3 className="mb-2 text-xs font-semibold text-muted-fg">{title}</h3>
      <dl className="space-y-2">
        {lines.map(({ keys, does }) => (
          <div key={does} className="flex items-baseline justify-between gap-4 text-sm">
            <dt>{does}</dt>
            <dd>
              <Keys keys={printed(keys, mac)} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
