/** What the composer does when a key is pressed; null leaves the key to the text field. */
export type ComposerAction = "send" | "steer" | "stop" | "edit-last" | null;

type Key = { key: string; shiftKey: boolean; ctrlKey: boolean; metaKey: boolean; altKey: boolean; isComposing: boolean; keyCode?: number };
/** Without `enterSends` Enter alone makes a new line, and a button sends. */
type FieldState = { empty: boolean; running: boolean; enterSends: boolean };

/** Safari ends a composition before it sends the Enter that ended it; the old key code marks it. */
const IN_COMPOSITION = 229;

/**
 * Enter sends, Ctrl+Enter sends past the running answer, Escape stops, ArrowUp in an empty field edits the last
 * message.
 */
export function composerAction(key: Key, { empty, running, enterSends }: FieldState): ComposerAction {
  if (key.isComposing || key.keyCode === IN_COMPOSITION || key.altKey) return null;
  if (key.key === "Enter" && (key.ctrlKey || key.metaKey) && !key.shiftKey) return "steer";
  if (key.key === "Enter" && !key.shiftKey) return enterSends ? "send" : null;
  if (key.key === "Escape" && running) return "stop";
  const plain = !key.shiftKey && !key.ctrlKey && !key.metaKey;
  return key.key === "ArrowUp" && plain && empty ? "edit-last" : null;
}
