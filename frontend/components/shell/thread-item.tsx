"use client";
import { useAui } from "@assistant-ui/react";
import { Archive, ArchiveRestore, Download, Ellipsis, Pencil, Trash2 } from "lucide-react";
import { memo, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { cn } from "@/components/ui/cn";
import { Dialog } from "@/components/ui/dialog";
import { IconButton } from "@/components/ui/icon-button";
import { Menu, MenuItem } from "@/components/ui/menu";
import { useToast } from "@/components/ui/toast";
import { exportUrl, useOpenThread } from "@/runtime";
import { download } from "./download";
import { RenameField } from "./rename-field";
import { useFocusAfter, useFocusBack } from "./use-refocus";

export type Item = { id: string; remoteId: string | undefined; title: string; at: string | undefined; archived: boolean };
type ThreadItemProps = { item: Item; shown: boolean; running: boolean; unread: boolean; onNavigate: () => void };

/** One chat of the list: open, rename, export, archive, delete. */
export const ThreadItem = memo(function ThreadItem({ item, shown, running, unread, onNavigate }: ThreadItemProps) {
  const aui = useAui();
  const show = useOpenThread();
  const [mode, setMode] = useState<"idle" | "rename" | "delete">("idle");
  const row = useRef<HTMLLIElement>(null);
  const { control, closed } = useFocusBack(mode === "rename");
  useFocusAfter(row);
  const thread = () => aui.threads.item({ id: item.id });
  const renamed = (byKey: boolean) => {
    closed(byKey);
    setMode("idle");
  };
  const open = () => {
    show(item.id);
    onNavigate();
  };
  if (mode === "rename") {
    return (
      <li className="px-1 py-0.5">
        <RenameField title={item.title} onRename={(title) => thread().rename(title)} onDone={renamed} />
      </li>
    );
  }
  return (
    <li ref={row} className={cn("thread-item group relative flex items-center rounded-lg", shown ? "bg-fg/9" : "hover:bg-fg/5")}>
      <button
        ref={control}
        type="button"
        aria-current={shown ? "page" : undefined}
        onClick={open}
        className="flex h-9 min-w-0 flex-1 cursor-pointer items-center gap-2 rounded-lg pr-9 pl-2.5 text-left text-sm"
      >
        <span dir="auto" className={cn("min-w-0 flex-1 truncate text-start", unread && "font-semibold")}>{item.title}</span>
        <Mark running={running} unread={unread} />
      </button>
      <Actions item={item} onRename={() => setMode("rename")} onDelete={() => setMode("delete")} />
      <ConfirmDelete
        open={mode === "delete"}
        title={item.title}
        onClose={() => setMode("idle")}
        onDelete={() => {
          setMode("idle");
          thread().delete();
        }}
      />
    </li>
  );
});

function Mark({ running, unread }: { running: boolean; unread: boolean }) {
  if (running) return <Dot label="answering" className="ring-2 ring-accent/30 bg-accent" />;
  return unread ? <Dot label="new answer" className="bg-accent" /> : null;
}

const Dot = ({ label, className }: { label: string; className: string }) => (
  <span className={cn("size-2 shrink-0 rounded-full", className)}>
    <span className="sr-only">, {label}</span>
  </span>
);

function Actions({ item, onRename, onDelete }: { item: Item; onRename: () => void; onDelete: () => void }) {
  const aui = useAui();
  const toast = useToast();
  const thread = () => aui.threads.item({ id: item.id });
  const archive = () => {
    thread().archive();
    toast({ text: "Chat archived", action: { label: "Undo", run: () => thread().unarchive() } });
  };
  const { remoteId } = item;
  return (
    <Menu
      renderButton={(props) => (
        <IconButton {...props} label={`Actions for ${item.title}`} className="item-actions absolute right-1 size-7">
          <Ellipsis />
        </IconButton>
      )}
    >
      <MenuItem icon={<Pencil />} onSelect={onRename}>
        Rename
      </MenuItem>
      {remoteId && (
        <MenuItem icon={<Download />} onSelect={() => download(exportUrl(remoteId, "markdown"))}>
          Export as Markdown
        </MenuItem>
      )}
      {item.archived ? (
        <MenuItem icon={<ArchiveRestore />} onSelect={() => thread().unarchive()}>
          Take out of the archive
        </MenuItem>
      ) : (
        <MenuItem icon={<Archive />} onSelect={archive}>
          Archive
        </MenuItem>
      )}
      <MenuItem icon={<Trash2 />} danger onSelect={onDelete}>
        Delete…
      </MenuItem>
    </Menu>
  );
}

function ConfirmDelete({ open, title, onClose, onDelete }: { open: boolean; title: string; onClose: () => void; onDelete: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Delete this chat?">
      <div className="p-5">
        <p className="text-sm text-muted-fg">
          “<bdi className="text-fg">{title}</bdi>” and all its messages will be gone for good. An answer that still runs is stopped.
        </p>
        <div className="mt-5 flex justify-end gap-2">
          <Button data-first onClick={onClose}>Keep it</Button>
          <Button look="danger" onClick={onDelete}>
            Delete
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
