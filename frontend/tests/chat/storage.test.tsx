/** A browser that keeps nothing for the page: its site data is blocked, or its room is full. */
import { act, cleanup, render, renderHook, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { OverlayProvider, useOverlays } from "@/components/ui/overlays";
import { useTheme } from "@/components/ui/theme";

const raises = (name: string) => () => {
  throw new DOMException(name, name);
};
const blocked = () => vi.spyOn(window, "localStorage", "get").mockImplementation(raises("SecurityError"));
const full = () => vi.spyOn(Storage.prototype, "setItem").mockImplementation(raises("QuotaExceededError"));

const isDark = () => document.documentElement.classList.contains("dark");
const wide = (query: string) => ({ matches: query.includes("min-width"), addEventListener: vi.fn(), removeEventListener: vi.fn() });

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("matchMedia", wide);
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

it.each([["blocked", blocked], ["full", full]])("the theme is drawn, and can be changed, where storage is %s", (_, so) => {
  localStorage.setItem("sluice.theme", '"light"');
  so();
  const { result } = renderHook(useTheme);
  act(() => result.current[1]("dark"));
  expect([result.current[0], isDark()]).toEqual(["dark", true]);
  act(() => result.current[1]("light"));
  expect([result.current[0], isDark()]).toEqual(["light", false]);
});

it("the theme that was chosen is there after a reload", () => {
  const { result, unmount } = renderHook(useTheme);
  act(() => result.current[1]("dark"));
  unmount();
  expect(renderHook(useTheme).result.current[0]).toBe("dark");
  act(() => result.current[1]("system"));
  expect(renderHook(useTheme).result.current[0]).toBe("system");
});

function Toggle() {
  const { sidebar, setSidebar } = useOverlays();
  return <button onClick={() => setSidebar(!sidebar)}>{sidebar ? "open" : "closed"}</button>;
}

it.each([["blocked", blocked], ["full", full]])("the sidebar opens and closes where storage is %s", (_, so) => {
  so();
  render(<OverlayProvider><Toggle /></OverlayProvider>);
  const button = screen.getByRole("button");
  const before = button.textContent;
  act(() => button.click());
  expect(button.textContent).not.toBe(before);
  act(() => button.click());
  expect(button.textContent).toBe(before);
});

it("a sidebar that was closed is closed after a reload", () => {
  render(<OverlayProvider><Toggle /></OverlayProvider>);
  act(() => screen.getByText("open").click());
  cleanup();
  render(<OverlayProvider><Toggle /></OverlayProvider>);
  expect(screen.getByRole("button").textContent).toBe("closed");
});
