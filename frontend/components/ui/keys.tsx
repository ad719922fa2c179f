/** Keys as they look on the keyboard. */
export const Keys = ({ keys }: { keys: string[] }) => (
  <span className="inline-flex gap-1">
    {keys.map((key) => (
      <kbd key={key} className="min-w-6 rounded-md border border-line bg-muted px-1.5 py-0.5 text-center font-sans text-xs text-muted-fg">
        {key}
      </kbd>
    ))}
  </span>
);
