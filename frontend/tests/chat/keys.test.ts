import { afterEach, describe, expect, it } from "vitest";
import { composerAction } from "@/components/chat/composer-keys";
import { filterEntries } from "@/components/shell/palette/filter";
import { SHORTCUTS, commandOf, printed } from "@/components/shell/shortcuts";

const key = (name: string, more: object = {}) => ({
  key: name,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  isComposing: false,
  ...more,
});

describe("the composer's keys", () => {
  const idle = { empty: false, running: false, enterSends: true };

  it("sends on Enter and writes a line on Shift+Enter", () => {
    expect(composerAction(key("Enter"), idle)).toBe("send");
    expect(composerAction(key("Enter", { shiftKey: true }), idle)).toBeNull();
  });

  it("writes a line on Enter where a button sends, as with an on-screen keyboard", () => {
    const touch = { ...idle, enterSends: false };
    expect(composerAction(key("Enter"), touch)).toBeNull();
    expect(composerAction(key("Enter"), { ...touch, running: true })).toBeNull();
    expect(composerAction(key("Enter", { ctrlKey: true }), touch)).toBe("steer");
  });

  it("leaves Enter to an input method that is composing", () => {
    expect(composerAction(key("Enter", { isComposing: true }), idle)).toBeNull();
    expect(composerAction(key("Enter", { keyCode: 229 }), idle)).toBeNull();
  });

  it("stops with Escape only while an answer runs", () => {
    expect(composerAction(key("Escape"), { ...idle, running: true })).toBe("stop");
    expect(composerAction(key("Escape"), idle)).toBeNull();
  });

  it("edits the last message from an empty field, and moves the caret in a full one", () => {
    expect(composerAction(key("ArrowUp"), { ...idle, empty: true })).toBe("edit-last");
    expect(composerAction(key("ArrowUp"), idle)).toBeNull();
    expect(composerAction(key("ArrowUp", { shiftKey: true }), { ...idle, empty: true })).toBeNull();
  });

  it("sends past the running answer with Ctrl or Command", () => {
    expect(composerAction(key("Enter", { ctrlKey: true }), idle)).toBe("steer");
    expect(composerAction(key("Enter", { metaKey: true }), idle)).toBe("steer");
  });
});

describe("shortcuts", () => {
  afterEach(() => document.body.replaceChildren());

  const press = (name: string, more: KeyboardEventInit = {}, target: EventTarget = document.body) => {
    let command = null as ReturnType<typeof commandOf>;
    const listen = (event: KeyboardEvent) => (command = commandOf(event));
    document.addEventListener("keydown", listen, { once: true });
    target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, ...more }));
    return command;
  };

  it("takes Ctrl and Command alike", () => {
    expect(press("k", { ctrlKey: true })).toBe("palette");
    expect(press("k", { metaKey: true })).toBe("palette");
    expect(press("O", { ctrlKey: true, shiftKey: true })).toBe("new-chat");
  });

  it("leaves plain keys to a field that is being written in, and chords not", () => {
    const field = document.body.appendChild(document.createElement("textarea"));
    expect(press("?", { shiftKey: true }, field)).toBeNull();
    expect(press("/", {}, field)).toBeNull();
    expect(press("k", { ctrlKey: true }, field)).toBe("palette");
    expect(press("?", { shiftKey: true })).toBe("shortcuts");
  });

  it("leaves plain keys to an open dialog", () => {
    const dialog = document.body.appendChild(document.createElement("dialog"));
    dialog.setAttribute("open", "");
    expect(press("Escape")).toBeNull();
  });

  it("does nothing at a key with other modifiers", () => {
    expect(press("k", { ctrlKey: true, shiftKey: true })).toBeNull();
    expect(press("ArrowUp")).toBeNull();
    expect(press("ArrowUp", { altKey: true })).toBe("previous-thread");
  });

  it("gives each command one shortcut, and each shortcut one command", () => {
    expect(new Set(SHORTCUTS.map(({ keys }) => keys.join("+"))).size).toBe(SHORTCUTS.length);
    expect(new Set(SHORTCUTS.map(({ command }) => command)).size).toBe(SHORTCUTS.length);
  });

  it("prints the keys of the machine at hand", () => {
    expect(printed(["Mod", "K"], true)).toEqual(["⌘", "K"]);
    expect(printed(["Mod", "K"], false)).toEqual(["Ctrl", "K"]);
  });
});

describe("the palette's filter", () => {
  const entries = [
    { id: "1", title: "New chat", section: "Commands" },
    { id: "2", title: "What is new in Python", section: "Chats" },
    { id: "3", title: "Renewal letter", section: "Chats" },
    { id: "4", title: "Theme: dark", section: "Commands", words: "night appearance" },
  ];
  const idsFor = (query: string) => filterEntries(entries, query).map((entry) => entry.id);

  it("puts the beginning of a title before the beginning of a word before its middle", () => {
    expect(idsFor("new")).toEqual(["1", "2", "3"]);
  });

  it("demands every word, in any order, and uses hidden words", () => {
    expect(idsFor("python new")).toEqual(["2"]);
    expect(idsFor("night")).toEqual(["4"]);
    expect(idsFor("zebra")).toEqual([]);
  });

  it("keeps everything in order without a query", () => {
    expect(idsFor("  ")).toEqual(["1", "2", "3", "4"]);
  });
});
