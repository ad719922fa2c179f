"use client";
import { useState } from "react";
import { Field, INPUT } from "./field";
import { readNumber, type NumberField } from "./numbers";

/** An input for a number. A value that is refused stays in the field with the reason, and is not saved. */
export function NumberInput({ field, value, onValue }: { field: NumberField; value: number | undefined; onValue: (value: number | undefined) => void }) {
  const [problem, setProblem] = useState<string>();
  const typed = (text: string) => {
    const read = readNumber(field, text);
    setProblem("problem" in read ? read.problem : undefined);
    if ("value" in read) onValue(read.value);
  };
  return (
    <Field label={field.label} hint={field.hint} problem={problem}>
      {(props) => (
        <input
          {...props}
          inputMode={field.whole ? "numeric" : "decimal"}
          placeholder="Model's default"
          defaultValue={value ?? ""}
          onChange={(event) => typed(event.target.value)}
          className={INPUT}
        />
      )}
    </Field>
  );
}
