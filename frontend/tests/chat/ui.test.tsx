import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { TextField } from "@/components/chat/text-field";
import { Dialog } from "@/components/ui/dialog";
import { Menu, MenuItem } from "@/components/ui/menu";

afterEach(cleanup);

describe("a menu", () => {
  const chosen = vi.fn();
  const draw = () => {
    render(
      <Menu renderButton={(props) => <button {...props}>Open</button>}>
        <MenuItem onSelect={() => chosen("rename")}>Rename</MenuItem>
        <MenuItem disabled onSelect={() => chosen("never")}>
          Never
        </MenuItem>
        <MenuItem onSelect={() => chosen("delete")}>Delete</MenuItem>
      </Menu>,
    );
    const button = screen.getByText("Open");
    fireEvent.keyDown(button, { key: "ArrowDown" });
    return button;
  };
  const focused = () => document.activeElement?.textContent;
  const press = (key: string) => fireEvent.keyDown(document.activeElement!, { key });

  it("opens from the keyboard with its first line focused, and goes around past what is disabled", () => {
    const button = draw();
    expect(button.getAttribute("aria-expanded")).toBe("true");
    expect(focused()).toBe("Rename");
    press("ArrowDown");
    expect(focused()).toBe("Delete");
    press("ArrowDown");
    expect(focused()).toBe("Rename");
    press("End");
    expect(focused()).toBe("Delete");
  });

  it("goes to a line by its first letter", () => {
    draw();
    press("d");
    expect(focused()).toBe("Delete");
  });

  it("gives the focus back on Escape, and before what was chosen runs", () => {
    const button = draw();
    press("Escape");
    expect(screen.queryByRole("menu")).toBeNull();
    expect(document.activeElement).toBe(button);
    fireEvent.click(button);
    fireEvent.click(screen.getByText("Delete"));
    expect(chosen).toHaveBeenLastCalledWith("delete");
    expect(document.activeElement).toBe(button);
  });

  it("closes on a press outside without moving the focus", () => {
    draw();
    fireEvent.pointerDown(document.body);
    expect(screen.queryByRole("menu")).toBeNull();
  });
});

describe("a dialog", () => {
  it("is named by its title and calls its owner to close it", () => {
    const close = vi.fn();
    render(
      <Dialog open onClose={close} title="Delete this chat?">
        <p>Gone for good.</p>
      </Dialog>,
    );
    const dialog = document.querySelector("dialog")!;
    expect(document.getElementById(dialog.getAttribute("aria-labelledby")!)?.textContent).toBe("Delete this chat?");
    fireEvent(dialog, new Event("cancel", { cancelable: true }));
    fireEvent.mouseDown(dialog);
    expect(close).toHaveBeenCalledTimes(2);
    fireEvent.mouseDown(screen.getByText("Gone for good."));
    expect(close).toHaveBeenCalledTimes(2);
  });
});

describe("the text field", () => {
  function Owner({ onText }: { onText: (text: string) => void }) {
    const [text, setText] = useState("");
    const hear = (next: string) => {
      onText(next);
      setText(next);
    };
    return (
      <>
        <TextField label="Message" text={text} onText={hear} />
        <button onClick={() => setText("")}>Clear</button>
      </>
    );
  }

  it("reports the typed text and keeps the caret where it was", () => {
    const onText = vi.fn();
    render(<Owner onText={onText} />);
    const field = screen.getByLabelText<HTMLTextAreaElement>("Message");
    field.value = "Hallo";
    field.setSelectionRange(2, 2);
    fireEvent.input(field);
    expect(onText).toHaveBeenCalledWith("Hallo");
    expect(field.selectionStart).toBe(2);
  });

  it("takes a text that came from elsewhere", () => {
    render(<Owner onText={() => {}} />);
    const field = screen.getByLabelText<HTMLTextAreaElement>("Message");
    fireEvent.input(field, { target: { value: "sent" } });
    fireEvent.click(screen.getByText("Clear"));
    expect(field.value).toBe("");
  });
});
