"use client";
import { useAui, useAuiState } from "@assistant-ui/react";
import { Download, PanelLeft, Settings2, SquarePen } from "lucide-react";
import { useState } from "react";
import { IconButton } from "@/components/ui/icon-button";
import { Menu, MenuItem, MenuLabel } from "@/components/ui/menu";
import { exportUrl, useNewChat, useShownThread } from "@/runtime";
import { download } from "./download";
import { ModelPicker } from "./model-picker";
import { useOverlays } from "@/components/ui/overlays";
import { RenameField } from "./rename-field";
import { useFocusBack } from "./use-refocus";
import { useWide } from "@/components/ui/use-wide";

/** The thread's title, its model, its settings. */
export function Header() {
  const { sidebar, setSidebar, show } = useOverlays();
  const newChat = useNewChat();
  const wide = useWide();
  const hidden = !wide || !sidebar;
  return (
    <header className="flex h-14 shrink-0 items-center gap-1 px-2 sm:px-3">
      {hidden && (
        <IconButton label="Show the sidebar" onClick={() => setSidebar(true)}>
          <PanelLeft />
        </IconButton>
      )}
      {hidden && (
        <IconButton label="New chat" onClick={() => void newChat()}>
          <SquarePen />
        </IconButton>
      )}
      <Title />
      <ModelPicker />
      <ExportMenu />
      <IconButton label="Settings of this chat" onClick={() => show("settings")}>
        <Settings2 />
      </IconButton>
    </header>
  );
}

/** The page's only heading. A press opens it for a change. */
function Title() {
  const aui = useAui();
  const title = useAuiState((s) => s.threadListItem.title);
  const { isNew } = useShownThread();
  const [editing, setEditing] = useState(false);
  const { control, closed } = useFocusBack(editing);
  const renamed = (byKey: boolean) => {
    closed(byKey);
    setEditing(false);
  };
  if (editing) {
    return (
      <div className="mr-auto max-w-md min-w-0 flex-1">
        <h1 className="sr-only">{title}</h1>
        <RenameField title={title ?? ""} onDone={renamed} onRename={(next) => aui.threadListItem.rename(next)} />
      </div>
    );
  }
  return (
    <h1 className="mr-auto min-w-0 shrink-[3] truncate text-sm font-medium">
      {isNew ? (
        <span className="px-2 text-muted-fg max-sm:sr-only">New chat</span>
      ) : (
        <button
          ref={control}
          type="button"
          dir="auto"
          title="Rename this chat"
          onClick={() => setEditing(true)}
          className="max-w-full cursor-text truncate rounded-md px-2 py-1 hover:bg-muted"
        >
          {title || "New chat"}
        </button>
      )}
    </h1>
  );
}

function ExportMenu() {
  const { threadId, isNew } = useShownThread();
  if (isNew || !threadId) return null;
  return (
    <Menu
      align="end"
      renderButton={(props) => (
        <IconButton {...props} label="Export this chat" className="max-sm:hidden">
          <Download />
        </IconButton>
      )}
    >
      <MenuLabel>Export this chat</MenuLabel>
      <MenuItem onSelect={() => download(exportUrl(threadId, "markdown"))} hint=".md">
        Markdown
      </MenuItem>
      <MenuItem onSelect={() => download(exportUrl(threadId, "json"))} hint=".json">
        JSON, with all branches
      </MenuItem>
    </Menu>
  );
}
