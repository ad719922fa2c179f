"use client";
import { useAuiState } from "@assistant-ui/react";
import { FileWarning } from "lucide-react";
import { useChosenModel } from "./chosen-model";
import { textIn } from "@/runtime";

const CHARACTERS_A_TOKEN = 4; // in English and in code; in most other languages fewer

/** Warns before files are sent that the model cannot read to their end. */
export function LongNotice() {
  const model = useChosenModel();
  const tokens = useAuiState((s) => Math.round(s.composer.attachments.reduce((sum, { content }) => sum + textIn(content).length, 0) / CHARACTERS_A_TOKEN));
  if (!model?.context_length || tokens <= model.context_length) return null;
  return (
    <output data-testid="too-long" className="mb-2 flex items-center gap-2 px-2 text-sm text-muted-fg">
      <FileWarning aria-hidden className="size-4 shrink-0" />
      <span>
        These files are about {shortly(tokens)} tokens long, and {model.name} reads {shortly(model.context_length)}.
      </span>
    </output>
  );
}

const shortly = (tokens: number): string => tokens.toLocaleString("en", { maximumSignificantDigits: 2 });
