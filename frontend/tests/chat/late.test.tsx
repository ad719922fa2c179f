import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import Failed from "@/app/error";
import { Sheets } from "@/components/shell/sheets";
import { OverlayProvider, useOverlays } from "@/components/ui/overlays";
import { late } from "@/components/ui/late";

const lost = new Error("Failed to load chunk");
/** The server has another build than the page: the file that the page requests is gone. */
vi.mock("@/components/shell/shortcut-sheet", () => {
  throw lost;
});

function Page() {
  const { show } = useOverlays();
  return <button onClick={() => show("shortcuts")}>The answer grows</button>;
}

const press = (name: string) => act(async () => fireEvent.click(screen.getByText(name)));

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => {}); // React logs the error that it caught
  vi.stubGlobal("matchMedia", () => ({ matches: true, addEventListener: vi.fn(), removeEventListener: vi.fn() }));
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

it("a sheet that cannot be loaded is the only thing lost", async () => {
  render(
    <OverlayProvider>
      <Page />
      <Sheets />
    </OverlayProvider>,
  );
  await press("The answer grows");
  expect(screen.getByText("The answer grows")).toBeTruthy();
  expect(await screen.findByText(/^The page was updated, or/)).toBeTruthy();
  expect(screen.getByText("Reload")).toBeTruthy();
  fireEvent(document.querySelector("dialog")!, new Event("cancel", { cancelable: true }));
  expect(screen.queryByText("Reload")).toBeNull();
});

it("a sheet that could not be loaded is tried again when it is next opened, and a loaded one is not", async () => {
  const load = vi.fn(async () => ({ default: ({ onClose }: { onClose: () => void }) => <button onClick={onClose}>The sheet</button> }));
  load.mockRejectedValueOnce(lost);
  const Sheet = late(load);
  const opened = () => act(async () => render(<Sheet onClose={() => {}} />));
  await opened();
  expect(screen.queryByText("The sheet")).toBeNull();
  cleanup();
  await opened();
  expect(screen.getByText("The sheet")).toBeTruthy();
  cleanup();
  await opened();
  expect([screen.getByText("The sheet") !== null, load.mock.calls.length]).toEqual([true, 2]);
});

it("a page that failed offers to be loaded again", () => {
  render(<Failed />);
  expect(screen.getByRole("button").textContent).toBe("Reload");
});
