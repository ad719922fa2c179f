/** The line at which the model begins to read a long chat: the messages above are shown, but were not sent. */
export function ReadsFrom({ unread }: { unread: number }) {
  return (
    <p
      data-testid="reads-from"
      className="my-2 flex items-center gap-3 text-center text-xs text-muted-fg before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line"
    >
      The model reads from here: {unread === 1 ? "the message above is" : `the ${unread} messages above are`} not sent.
    </p>
  );
}
