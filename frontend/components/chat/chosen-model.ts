"use client";
import { useModels, useSettings, type ModelInfo, type ThreadSettings } from "@/runtime";

/** The model that answers in the shown chat; undefined while it is not known, or no worker has it. */
export function useChosenModel(): ModelInfo | undefined {
  const { models } = useModels();
  const { settings } = useSettings();
  return chosenOf(models, settings);
}

export const chosenOf = (models: readonly ModelInfo[], { model }: ThreadSettings) =>
  models.find((each) => (model ? each.name === model : each.default));

/** Whether the model has a capability. A model that reports no capabilities may have any. */
export const can = ({ capabilities }: ModelInfo, capability: string) => capabilities.length === 0 || capabilities.includes(capability);
