"use client";
import { useState, type ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Segmented } from "@/components/ui/segmented";
import { usePending, useSettings, type Thinking } from "@/runtime";
import { can, useChosenModel } from "@/components/chat/chosen-model";
import { Field, TextArea } from "./field";
import { NumberInput } from "./number-input";
import { NUMBERS, readStop } from "./numbers";

/** The settings of this chat. Every change is kept at once; an empty field means the model's default. */
export default function SettingsDialog({ onClose }: { onClose: () => void }) {
  const { settings, change, changeDefaults } = useSettings();
  const [round, setRound] = useState(0);
  const [saved, setSaved] = useState(false);
  const reset = () => {
    change({ system: null, think: null, options: {} });
    setRound(round + 1);
  };
  const standard = () => {
    changeDefaults(settings);
    setSaved(true);
  };
  return (
    <Dialog open onClose={onClose} title="Settings of this chat" className="w-[min(38rem,calc(100vw-2rem))]">
      <div key={round} className="space-y-5 overflow-y-auto p-5">
        <SystemPrompt />
        <Sampling />
        <Stop />
        <ThinkingLevel />
        <WhileRunning />
      </div>
      <div className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-5 py-3">
        <Button look="ghost" className="mr-auto -ml-3" onClick={reset}>
          Reset to defaults
        </Button>
        <Button onClick={standard}>{saved ? "Kept for new chats" : "Use for new chats"}</Button>
        <Button look="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}

function SystemPrompt() {
  const { settings, change } = useSettings();
  return (
    <Field label="System prompt" hint="Told to the model before the conversation.">
      {(props) => (
        <TextArea
          {...props}
          rows={4}
          placeholder="You are a careful assistant…"
          defaultValue={settings.system ?? ""}
          onChange={(event) => change({ system: event.target.value.trim() ? event.target.value : null })}
        />
      )}
    </Field>
  );
}

function Sampling() {
  const { settings, change } = useSettings();
  const options = settings.options ?? {};
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      {NUMBERS.map((field) => (
        <NumberInput key={field.name} field={field} value={options[field.name]} onValue={(value) => change({ options: { ...options, [field.name]: value } })} />
      ))}
    </div>
  );
}

function Stop() {
  const { settings, change } = useSettings();
  const options = settings.options ?? {};
  return (
    <Field label="Stop words" hint="The answer ends where one of them would come. One a line.">
      {(props) => (
        <TextArea
          {...props}
          rows={2}
          defaultValue={options.stop?.join("\n") ?? ""}
          onChange={(event) => change({ options: { ...options, stop: readStop(event.target.value) } })}
        />
      )}
    </Field>
  );
}

const LEVELS = [
  { value: "model", label: "Model's default" },
  { value: "off", label: "Off" },
  { value: "low", label: "Low" },
  { value: "medium", label: "Medium" },
  { value: "high", label: "High" },
];

function ThinkingLevel() {
  const { settings, change } = useSettings();
  const model = useChosenModel();
  const mute = model && !can(model, "thinking");
  const level = levelOf(settings.think);
  return (
    <Choice label="Thinking" hint={mute ? `${model.name} does not think: leave this as it is.` : "How long it thinks before it answers, where the model can."}>
      <Segmented name="think" legend="Thinking" value={level} choices={LEVELS} onChange={(next) => change({ think: thinkOf(next) })} />
    </Choice>
  );
}

const levelOf = (think: Thinking | undefined) => (think === null || think === undefined ? "model" : think === false ? "off" : think === true ? "medium" : think);
const thinkOf = (level: string): Thinking => (level === "model" ? null : level === "off" ? false : (level as Thinking));

function WhileRunning() {
  const { mode, setMode } = usePending();
  return (
    <Choice label="A message sent while an answer runs" hint={mode === "queue" ? "It waits until the answer is complete." : "It stops the answer and takes its place."}>
      <Segmented
        name="mode"
        legend="A message sent while an answer runs"
        value={mode}
        choices={[
          { value: "queue", label: "Waits" },
          { value: "replace", label: "Replaces it" },
        ]}
        onChange={setMode}
      />
    </Choice>
  );
}

const Choice = ({ label, hint, children }: { label: string; hint: string; children: ReactNode }) => (
  <div>
    <p aria-hidden className="mb-1.5 text-sm font-medium">
      {label}
    </p>
    {children}
    <p className="mt-1.5 text-xs text-muted-fg">{hint}</p>
  </div>
);
