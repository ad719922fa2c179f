"use client";
import { useAuiState } from "@assistant-ui/react";
import { EyeOff } from "lucide-react";
import { can, useChosenModel } from "./chosen-model";
import { useModels, useSettings, type ModelInfo } from "@/runtime";

const MOST = 3; // models offered: the notice is a line, not a list

/**
 * Warns before an image is sent to a model that will not see it. Sending stays possible, because the words may be
 * enough.
 */
export function BlindNotice() {
  const model = useChosenModel();
  const { models } = useModels();
  const images = useAuiState((s) => s.composer.attachments.some(({ type }) => type === "image"));
  if (!images || !model || can(model, "vision")) return null;
  return (
    <output data-testid="blind" className="mb-2 flex flex-wrap items-center gap-x-2 gap-y-1 px-2 text-sm text-muted-fg">
      <EyeOff aria-hidden className="size-4 shrink-0" />
      <span>{model.name} does not see images.</span>
      <Seeing models={models.filter((each) => each.capabilities.includes("vision")).slice(0, MOST)} />
    </output>
  );
}

function Seeing({ models }: { models: ModelInfo[] }) {
  const { change } = useSettings();
  if (models.length === 0) return <span>No model here does.</span>;
  return (
    <>
      <span>Use</span>
      {models.map((model) => (
        <button
          key={model.name}
          type="button"
          onClick={() => change({ model: model.default ? null : model.name })}
          className="min-h-6 cursor-pointer font-medium text-accent hover:underline"
        >
          {model.name}
        </button>
      ))}
    </>
  );
}
