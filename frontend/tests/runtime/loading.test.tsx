/** A thread that is loaded while it is being answered, or cannot be loaded. */
import { act, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { addPending, pendingOf, sendNow } from "@/runtime/pending";
import { aui, change, follows, house, idle, loads, reported, sending, shown, shownThread } from "./tab";

vi.mock("next/navigation", () => ({ usePathname: () => "/" }));

test("nothing is sent into a thread that could not be loaded, neither a waiting message nor a typed one", async () => {
  house.turn(1, "running");
  await follows(1);
  addPending(house.id, "next", []);
  house.turn(2, "complete");
  await reported(change("began", "a2"), change("ended", "a2"));
  house.restarting = true;
  act(() => house.end(1));
  await waitFor(() => expect(shownThread.error).not.toBeNull());
  act(() => aui.composer.setText("typed"));
  expect(sending.canSend).toBe(false);
  await act(() => sending.send());
  sendNow(house.id, pendingOf(house.id)[0]!.id);
  await reported({ type: "list" });
  expect([house.turns, aui.composer.getState().text]).toEqual([[], "typed"]);
  house.restarting = false;
  act(() => shownThread.retry());
  await waitFor(() => expect(house.turns.map(({ parent_id }) => parent_id)).toEqual([house.idOf("a2")]));
  expect(aui.composer.getState().text).toBe("typed");
});

test("an answer that was read to its end is not shown as running, though another runs behind it", async () => {
  house.turn(1, "running");
  await follows(1);
  house.turn(2, "running");
  await reported(change("began", "a2"));
  act(() => house.sendEnd(1));
  await waitFor(() => expect(loads()).toBe(2));
  house.record(1);
  await waitFor(() => {
    document.dispatchEvent(new Event("visibilitychange")); // ends the pause before the messages are read again
    expect(house.follows(2)).toBe(true);
  });
  expect(aui.thread.getState().messages[1]!.status).toMatchObject({ type: "complete" });
  expect(loads()).toBe(3);
});

test("branches beside a running answer are there, with the messages that follow them", async () => {
  house.turn(1, "complete");
  house.turn(2, "complete");
  house.again(1, 3);
  await follows(3);
  const question = aui.thread.message({ id: house.idOf("q1") });
  expect(shown()).toEqual(["q1", ""]);
  const [answer] = aui.thread.getState().messages.slice(-1);
  expect(aui.thread.message({ id: answer!.id }).getState()).toMatchObject({ branchNumber: 2, branchCount: 2 });
  act(() => house.end(3));
  await idle();
  expect(aui.thread.getState().messages.at(-1)!.status).toMatchObject({ type: "complete" });
  act(() => question.switchToBranch({ branchId: house.idOf("a1") }));
  expect(shown()).toEqual(["q1", "a1", "q2", "a2"]);
  expect(loads()).toBe(1);
});
