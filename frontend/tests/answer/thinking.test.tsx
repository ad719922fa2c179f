import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { Thinking } from "@/components/answer/thinking";

afterEach(cleanup);

const button = () => screen.getByRole("button", { expanded: undefined });
const isOpen = () => button().getAttribute("aria-expanded") === "true";

it("is open while the model thinks and closes when it answers", () => {
  const { rerender } = render(<Thinking text="hm" running />);
  expect(isOpen()).toBe(true);
  expect(button().textContent).toBe("Thinking…");
  rerender(<Thinking text="hm, so" running={false} />);
  expect(isOpen()).toBe(false);
});

it("stays closed once the person has closed it, and open once they have opened it", () => {
  const { rerender } = render(<Thinking text="hm" running />);
  fireEvent.click(button());
  rerender(<Thinking text="hm, so" running />);
  expect(isOpen()).toBe(false);
  fireEvent.click(button());
  rerender(<Thinking text="hm, so" running={false} />);
  expect(isOpen()).toBe(true);
});

it.each([
  [400, "Thought for a moment"],
  [12_300, "Thought for 12 s"],
  [125_000, "Thought for 2 min 5 s"],
])("shows how long it took: %s ms", (ms, words) => {
  render(<Thinking text="hm" running={false} ms={ms} />);
  expect(button().textContent).toBe(words);
});

it("shows no time that is not known", () => {
  render(<Thinking text="hm" running={false} />);
  expect(button().textContent).toBe("Thoughts");
});

it("draws its thoughts only while it is open", () => {
  const { container } = render(<Thinking text="**so**" running={false} />);
  expect(container.querySelector("strong")).toBeNull();
  fireEvent.click(button());
  expect(container.querySelector("strong")?.textContent).toBe("so");
});
