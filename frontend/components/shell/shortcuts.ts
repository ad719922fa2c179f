export type Command =
  | "palette"
  | "new-chat"
  | "sidebar"
  | "search"
  | "settings"
  | "shortcuts"
  | "focus-composer"
  | "previous-thread"
  | "next-thread"
  | "copy-answer"
  | "regenerate"
  | "stop";

export type Shortcut = { command: Command; keys: string[]; does: string; group: "Everywhere" | "Conversations" | "This conversation" };

/** `Mod` is ⌘ on a Mac and Ctrl elsewhere. No browser uses these shortcuts itself. */
export const SHORTCUTS: Shortcut[] = [
  { command: "palette", keys: ["Mod", "K"], does: "Command palette", group: "Everywhere" },
  { command: "sidebar", keys: ["Mod", "B"], does: "Show or hide the sidebar", group: "Everywhere" },
  { command: "settings", keys: ["Mod", ","], does: "Settings of this chat", group: "Everywhere" },
  { command: "shortcuts", keys: ["?"], does: "This sheet", group: "Everywhere" },
  { command: "new-chat", keys: ["Mod", "Shift", "O"], does: "New chat", group: "Conversations" },
  { command: "search", keys: ["Mod", "Shift", "F"], does: "Search all chats", group: "Conversations" },
  { command: "previous-thread", keys: ["Alt", "↑"], does: "Chat above", group: "Conversations" },
  { command: "next-thread", keys: ["Alt", "↓"], does: "Chat below", group: "Conversations" },
  { command: "focus-composer", keys: ["/"], does: "Write a message", group: "This conversation" },
  { command: "copy-answer", keys: ["Mod", "Shift", ";"], does: "Copy the last answer", group: "This conversation" },
  { command: "regenerate", keys: ["Mod", "Shift", "E"], does: "Answer again", group: "This conversation" },
  { command: "stop", keys: ["Esc"], does: "Stop the answer", group: "This conversation" },
];

/** Keys that the composer itself understands, for the sheet. */
export const composerKeys = (enterSends: boolean): { keys: string[]; does: string }[] => [
  ...(enterSends ? [{ keys: ["Enter"], does: "Send; while an answer runs: queue it" }] : []),
  { keys: ["Mod", "Enter"], does: "Send now, in place of the running answer" },
  { keys: enterSends ? ["Shift", "Enter"] : ["Enter"], does: "New line" },
  { keys: ["↑"], does: "In an empty field: edit your last message" },
];

const NAMED: Record<string, string> = { "↑": "ArrowUp", "↓": "ArrowDown", Esc: "Escape" };

/** The command of a key press. Keys that write text count only outside of text fields. */
export function commandOf(event: KeyboardEvent): Command | null {
  if (event.isComposing || event.defaultPrevented) return null;
  return SHORTCUTS.find(({ keys }) => matches(event, keys))?.command ?? null;
}

function matches(event: KeyboardEvent, keys: string[]): boolean {
  const has = (key: string) => keys.includes(key);
  const plain = keys.length === 1;
  if (plain && (isTyping(event.target) || isOpenDialog())) return false;
  const key = keys.at(-1) ?? "";
  const pressed = (NAMED[key] ?? key).toLowerCase() === keyOf(event);
  const shift = has("Shift") === event.shiftKey || key === "?";
  return pressed && shift && has("Mod") === (event.ctrlKey || event.metaKey) && has("Alt") === event.altKey;
}

/** Shift turns `;` into `:` on many keyboards; the physical key shows what was meant. */
const keyOf = (event: KeyboardEvent) => (event.code === "Semicolon" && event.shiftKey ? ";" : event.key.toLowerCase());

/** Whether typed text goes into a field. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("textarea, select, input:not([type=radio]):not([type=checkbox]):not([type=range])");
}

const isOpenDialog = () => document.querySelector("dialog[open]") !== null;

/** Keys as they are printed on this machine's keyboard. */
export const printed = (keys: string[], mac: boolean) => keys.map((key) => (key === "Mod" ? (mac ? "⌘" : "Ctrl") : key));

export const isMac = () => typeof navigator !== "undefined" && /mac|iphone|ipad/i.test(navigator.userAgent);
