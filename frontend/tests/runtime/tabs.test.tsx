/** One tab of several: a change that another tab reports while this one follows an answer is not lost. */
import { act, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { addPending } from "@/runtime/pending";
import { isStale } from "@/runtime/reload";
import type { TabChange } from "@/runtime/tabs";
import { aui, change, follows, house, idle, loads, others, reported, shown } from "./tab";

vi.mock("next/navigation", () => ({ usePathname: () => "/" }));

test("an answer that began and ended elsewhere while another was followed is shown behind it", async () => {
  house.turn(1, "running");
  await follows(1);
  house.turn(2, "complete");
  await reported(change("began", "a2"), change("ended", "a2"));
  expect(loads()).toBe(1); // the followed answer is not torn away
  act(() => aui.composer.setText("half a sentence"));
  act(() => house.end(1));
  await waitFor(() => expect(shown()).toEqual(["q1", "a1", "q2", "a2"]));
  await waitFor(() => expect(aui.composer.getState().text).toBe("half a sentence"));
});

test("an answer of another tab that still runs when ours ends is followed", async () => {
  house.turn(1, "running");
  await follows(1);
  house.turn(2, "running");
  await reported(change("began", "a2"));
  act(() => house.end(1));
  await waitFor(() => expect(house.follows(2)).toBe(true));
  act(() => house.end(2));
  await idle();
  expect(shown().slice(0, 3)).toEqual(["q1", "a1", "q2"]);
});

test("a report on the answer that is followed changes nothing", async () => {
  house.turn(1, "running");
  await follows(1);
  await reported(change("began", "a1"));
  act(() => house.end(1));
  await idle();
  await reported(change("ended", "a1"), { type: "list" });
  expect(loads()).toBe(1);
});

test("a waiting message is not sent behind an answer that other tabs have left behind", async () => {
  house.turn(1, "running");
  await follows(1);
  addPending(house.id, "next", []);
  const [waits] = JSON.parse(localStorage.getItem("sluice.waiting")!)[house.id].items;
  localStorage.setItem("sluice.waiting", JSON.stringify({ [house.id]: { items: [waits], behind: house.idOf("a2") } }));
  house.turn(2, "complete");
  house.turn(3, "complete");
  await reported(change("ended", "a2"), change("ended", "a3"));
  act(() => house.end(1));
  await waitFor(() => expect(house.turns.map(({ parent_id }) => parent_id)).toEqual([house.idOf("a3")]));
});

test("a thread that was left meanwhile is loaded again when it is shown", async () => {
  house.turn(1, "running");
  await follows(1);
  await act(() => aui.threads.switchToThread("other"));
  house.turn(2, "complete");
  await reported(change("began", "a2"), change("ended", "a2"));
  act(() => house.end(1));
  await reported({ type: "list" });
  await act(() => aui.threads.switchToThread(house.id));
  await waitFor(() => expect(shown()).toEqual(["q1", "a1", "q2", "a2"]));
});

test("an answer that was refused here and then began elsewhere is shown", async () => {
  house.turn(1, "running");
  await follows(1);
  addPending(house.id, "next", []);
  house.refuses = "unwritten";
  act(() => house.end(1));
  await waitFor(() => expect(house.turns).toHaveLength(1));
  await idle();
  house.turn(2, "complete");
  await reported({ type: "began", threadId: house.id, answerId: house.turns[0]!.answer_id });
  await waitFor(() => expect(shown()).toEqual(["q1", "a1", "q2", "a2"]));
});

test("a message that waited, and was refused but stored, is reported to other tabs", async () => {
  house.turn(1, "running");
  await follows(1);
  const received: TabChange[] = [];
  others.onmessage = ({ data }) => received.push(data);
  addPending(house.id, "next", []);
  house.refuses = "written";
  act(() => house.end(1));
  await waitFor(() => expect(house.turns).toHaveLength(1));
  const { answer_id } = house.turns[0]!;
  await waitFor(() => expect(received).toContainEqual({ type: "ended", threadId: house.id, answerId: answer_id }));
});

/** The page shows a turn that is over. */
async function shows(): Promise<void> {
  house.turn(1, "running");
  await follows(1);
  act(() => house.end(1));
  await idle();
}

const editor = () => aui.thread.message({ id: house.idOf("q1") }).composer();

test("a message that is being edited stays open, whatever other tabs report; its thread is loaded once the edit is closed", async () => {
  await shows();
  act(() => editor().beginEdit());
  act(() => editor().setText("changed"));
  house.turn(2, "complete");
  await reported(change("began", "a2"), change("ended", "a2"), { type: "list" });
  expect([editor().getState().text, loads()]).toEqual(["changed", 1]);
  act(() => editor().cancel());
  await waitFor(() => expect(shown()).toEqual(["q1", "a1", "q2", "a2"]));
  expect(loads()).toBe(2);
});

test("an edited message is sent although its thread is stale, and the thread is loaded at the answer's end", async () => {
  await shows();
  act(() => editor().beginEdit());
  act(() => editor().setText("changed"));
  house.turn(2, "complete");
  await reported(change("began", "a2"), change("ended", "a2"));
  await act(() => editor().send());
  await waitFor(() => expect(house.follows(9)).toBe(true));
  expect(loads()).toBe(1);
  act(() => house.end(9));
  await waitFor(() => expect(loads()).toBe(2));
});

test("a question that was refused stays, whatever other tabs report, until it is sent again", async () => {
  await shows();
  house.refuses = "unwritten";
  act(() => aui.thread.append("mine"));
  await waitFor(() => expect(house.turns).toHaveLength(1));
  await idle();
  house.turn(2, "complete");
  await reported(change("began", "a2"), change("ended", "a2"), { type: "list" });
  expect([shown()[2], loads()]).toEqual(["mine", 2]); // the second load reads what was stored
  house.refuses = false;
  const refused = aui.thread.getState().messages.at(-1)!.id;
  act(() => aui.thread.message({ id: refused }).reload());
  await waitFor(() => expect(house.follows(9)).toBe(true));
  act(() => house.end(9));
  await waitFor(() => expect(loads()).toBe(3));
});

test("an answer that ran beside the shown one appears although another question was sent when it ended", async () => {
  house.turn(1, "running");
  house.turn(2, "running", null);
  await follows(2);
  act(() => house.end(2));
  await idle();
  act(() => aui.thread.append("more"));
  await waitFor(() => expect(house.follows(9)).toBe(true));
  act(() => house.end(1));
  await waitFor(() => {
    document.dispatchEvent(new Event("visibilitychange")); // ends the pause before the messages are read again
    expect(isStale(house.id)).toBe(true);
  });
  expect(loads()).toBe(1);
  act(() => house.end(9));
  await waitFor(() => expect(loads()).toBe(2));
});
