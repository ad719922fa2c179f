/** The sampling settings that are numbers: bounds as the API has them, and what each does. */
export type NumberField = {
  name: "temperature" | "top_p" | "num_predict" | "seed";
  label: string;
  hint: string;
  min: number;
  max: number;
  whole: boolean;
  step: number;
};

export const NUMBERS: NumberField[] = [
  { name: "temperature", label: "Temperature", hint: "0 is strict, 1 is lively", min: 0, max: 2, whole: false, step: 0.1 },
  { name: "top_p", label: "Top p", hint: "Share of likely words it may choose from", min: 0, max: 1, whole: false, step: 0.05 },
  { name: "num_predict", label: "Longest answer", hint: "In tokens", min: 1, max: 131_072, whole: true, step: 256 },
  { name: "seed", label: "Seed", hint: "The same seed gives the same answer", min: 0, max: 2_147_483_647, whole: true, step: 1 },
];

/** The typed value: a number, nothing (the model's own value), or why it is refused. */
export function readNumber({ min, max, whole }: NumberField, text: string): { value: number | undefined } | { problem: string } {
  const trimmed = text.trim().replace(",", ".");
  if (trimmed === "") return { value: undefined };
  const value = Number(trimmed);
  if (!Number.isFinite(value)) return { problem: "A number is needed here." };
  if (whole && !Number.isInteger(value)) return { problem: "A whole number is needed here." };
  return value < min || value > max ? { problem: `From ${min} to ${max.toLocaleString("en")}.` } : { value };
}

/** The stop words, of which each stands on a line of its own. */
export const readStop = (text: string): string[] | undefined => {
  const words = text.split("\n").filter((line) => line.trim() !== "");
  return words.length > 0 ? words : undefined;
};
