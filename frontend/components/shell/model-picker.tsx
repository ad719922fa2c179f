"use client";
import { ChevronDown } from "lucide-react";
import { cn } from "@/components/ui/cn";
import { Menu, MenuItem, MenuLabel } from "@/components/ui/menu";
import { useModels, useSettings, type ModelInfo } from "@/runtime";

/** A menu of the models: which one answers in this chat, and whether it is ready. */
export function ModelPicker() {
  const { models, refresh } = useModels();
  const { settings, change } = useSettings();
  const standard = models.find((model) => model.default);
  const chosen = settings.model ?? standard?.name;
  const shown = models.find((model) => model.name === chosen);
  if (models.length === 0 && !chosen) return null;
  return (
    <Menu
      align="end"
      className="w-80 max-w-[calc(100vw-1rem)]"
      renderButton={(props) => (
        <button
          type="button"
          {...props}
          onClick={() => {
            void refresh();
            props.onClick();
          }}
          data-testid="model"
          className="flex h-9 min-w-0 shrink cursor-pointer items-center gap-2 rounded-lg px-2.5 text-sm hover:bg-muted"
        >
          <span className="sr-only">Model:</span>
          {shown && <Dot model={shown} />}
          <span className="max-w-44 truncate">{chosen ?? "Choose a model"}</span>
          <ChevronDown aria-hidden className="size-4 shrink-0 text-muted-fg" />
        </button>
      )}
    >
      <MenuLabel>Model of this chat</MenuLabel>
      {models.map((model) => (
        <MenuItem
          key={model.name}
          checked={model.name === chosen}
          icon={<Dot model={model} />}
          hint={stateOf(model)}
          onSelect={() => change({ model: model.default ? null : model.name })}
        >
          {model.name}
          {model.default && <span className="text-muted-fg"> · default</span>}
        </MenuItem>
      ))}
      {shown && !shown.live && <MenuLabel>No worker runs this model now. One starts when you send a message.</MenuLabel>}
    </Menu>
  );
}

/** A model's state in words, because some people cannot tell the colours apart. */
export function stateOf({ live, loaded }: ModelInfo): string {
  if (!live) return "starts on demand";
  return loaded ? "loaded" : "ready";
}

const Dot = ({ model }: { model: ModelInfo }) => (
  <span
    aria-hidden
    className={cn("size-2 shrink-0 rounded-full", model.loaded ? "bg-good" : model.live ? "border-2 border-good" : "border-2 border-muted-fg")}
  />
);
