import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { useRef, useState } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { RenameField } from "@/components/shell/rename-field";
import { useFocusAfter, useFocusBack } from "@/components/shell/use-refocus";

afterEach(cleanup);

function Renamed({ onRename }: { onRename: (title: string) => void }) {
  const [editing, setEditing] = useState(true);
  const { control, closed } = useFocusBack(editing);
  const done = (byKey: boolean) => {
    closed(byKey);
    setEditing(false);
  };
  if (editing) return <RenameField title="Plans" onRename={onRename} onDone={done} />;
  return (
    <button ref={control} type="button">
      the chat
    </button>
  );
}

test.each(["Enter", "Escape"])("%s gives the focus back to the chat that was renamed", (key) => {
  render(<Renamed onRename={() => {}} />);
  screen.getByRole("textbox").focus();
  fireEvent.keyDown(screen.getByRole("textbox"), { key });
  expect(document.activeElement).toBe(screen.getByText("the chat"));
});

test("leaving the field keeps the title, and leaves the focus where it went", () => {
  const rename = vi.fn();
  render(
    <>
      <Renamed onRename={rename} />
      <input aria-label="elsewhere" />
    </>,
  );
  const field = screen.getByLabelText<HTMLInputElement>("Title of this chat");
  field.focus();
  field.value = "Other plans";
  act(() => screen.getByLabelText("elsewhere").focus());
  expect(rename).toHaveBeenCalledWith("Other plans");
  expect(screen.getByText("the chat")).toBeTruthy();
  expect(document.activeElement).toBe(screen.getByLabelText("elsewhere"));
});

function Row({ name }: { name: string }) {
  const row = useRef<HTMLLIElement>(null);
  useFocusAfter(row);
  return (
    <li ref={row} className="thread-item">
      <button type="button">{name}</button>
      <button type="button">Actions for {name}</button>
    </li>
  );
}

const List = ({ names }: { names: string[] }) => (
  <>
    <nav>
      {names.map((name) => (
        <Row key={name} name={name} />
      ))}
    </nav>
    <textarea data-composer />
  </>
);

test("a chat that is removed leaves the focus to the next chat, and the last chat leaves it to the composer", async () => {
  const { rerender, container } = render(<List names={["a", "b", "c"]} />);
  screen.getByText("Actions for b").focus();
  rerender(<List names={["a", "c"]} />);
  await waitFor(() => expect(document.activeElement).toBe(screen.getByText("c")));
  rerender(<List names={["a"]} />);
  await waitFor(() => expect(document.activeElement).toBe(screen.getByText("a")));
  rerender(<List names={[]} />);
  await waitFor(() => expect(document.activeElement).toBe(container.querySelector("textarea")));
});

test("a chat that is removed while the focus is elsewhere does not move it", async () => {
  const { rerender } = render(<List names={["a", "b"]} />);
  const elsewhere = screen.getByRole("textbox");
  elsewhere.focus();
  rerender(<List names={["a"]} />);
  await Promise.resolve();
  expect(document.activeElement).toBe(elsewhere);
});
