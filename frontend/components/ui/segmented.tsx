import type { ReactNode } from "react";

type Choice<T extends string> = { value: T; label: string; icon?: ReactNode };

/**
 * A few choices side by side, of which one is chosen. They are native radio buttons, so the arrows work as people
 * expect.
 */
export function Segmented<T extends string>(props: { name: string; legend: string; value: T; choices: Choice<T>[]; onChange: (value: T) => void }) {
  return (
    <fieldset className="inline-flex rounded-lg border border-line p-0.5">
      <legend className="sr-only">{props.legend}</legend>
      {props.choices.map(({ value, label, icon }) => (
        <label
          key={value}
          className="inline-flex h-8 cursor-pointer items-center gap-1.5 rounded-md px-2.5 text-sm text-muted-fg hover:text-fg has-checked:bg-muted has-checked:text-fg has-focus-visible:outline-2 has-focus-visible:outline-accent [&_svg]:size-4"
        >
          <input
            type="radio"
            name={props.name}
            value={value}
            checked={props.value === value}
            onChange={() => props.onChange(value)}
            className="sr-only"
          />
          {icon}
          {label}
        </label>
      ))}
    </fieldset>
  );
}
