import { describe, expect, it } from "vitest";
import { readAdvice } from "@/components/chat/connect-card";
import { firstDrawn, outlineOf, turnsOf } from "@/components/chat/turns";
import { highlight } from "@/components/shell/highlight";
import { NUMBERS, readNumber, readStop } from "@/components/shell/settings/numbers";
import { tabTitle } from "@/components/shell/tab-title";

describe("turns", () => {
  it("begin with a user's message and hold the answers below it", () => {
    expect(turnsOf("ua ab uc ad ae")).toEqual([
      { key: "a", start: 0, end: 2 },
      { key: "c", start: 2, end: 5 },
    ]);
    expect(turnsOf("")).toEqual([]);
    expect(turnsOf("ab uc").map((turn) => turn.key)).toEqual(["b", "c"]);
  });

  it("stay the same while an answer grows", () => {
    const messages = [
      { id: "1", role: "user" },
      { id: "2", role: "assistant" },
    ];
    expect(outlineOf(messages)).toBe(outlineOf(messages.map((message) => ({ ...message, text: "more" }))));
  });

  it("are drawn from the end, in whole turns, and the last turn always", () => {
    const turns = turnsOf(Array.from({ length: 100 }, (_, i) => `${i % 2 ? "a" : "u"}${i}`).join(" "));
    expect(firstDrawn(turns, 40)).toBe(30);
    expect(firstDrawn(turns, 200)).toBe(0);
    expect(firstDrawn(turnsOf("ua ab ac ad ae"), 2)).toBe(0);
    expect(firstDrawn([], 40)).toBe(0);
  });
});

describe("search highlights", () => {
  it("mark every word wherever it stands and lose no letter", () => {
    const pieces = highlight("The queue, and its Queues", "queue its");
    expect(pieces.filter((piece) => piece.hit).map((piece) => piece.text)).toEqual(["queue", "its", "Queue"]);
    expect(pieces.map((piece) => piece.text).join("")).toBe("The queue, and its Queues");
  });

  it("read the signs of a pattern as plain signs", () => {
    expect(highlight("a+b (c)", "a+b (").filter((piece) => piece.hit)).toHaveLength(2);
    expect(highlight("text", "  ")).toEqual([{ text: "text", at: 0, hit: false }]);
  });
});

describe("settings", () => {
  const temperature = NUMBERS.find((field) => field.name === "temperature")!;
  const seed = NUMBERS.find((field) => field.name === "seed")!;

  it("take numbers within bounds, with a comma too, and nothing as the model's own", () => {
    expect(readNumber(temperature, "0,7")).toEqual({ value: 0.7 });
    expect(readNumber(temperature, " ")).toEqual({ value: undefined });
    expect(readNumber(temperature, "2.1")).toEqual({ problem: "From 0 to 2." });
    expect(readNumber(temperature, "warm")).toEqual({ problem: "A number is needed here." });
    expect(readNumber(seed, "1.5")).toEqual({ problem: "A whole number is needed here." });
  });

  it("read stop words one a line and keep their spaces", () => {
    expect(readStop("END\n\n  Q: ")).toEqual(["END", "  Q: "]);
    expect(readStop(" \n")).toBeUndefined();
  });
});

describe("the card for a simulated engine", () => {
  it("takes the commands out of the advice, to be copied, and marks variables", () => {
    const { pieces, commands } = readAdvice("Answers are SIMULATED: no model. Run `ollama pull qwen3`, or set OLLAMA_BASE_URL.");
    expect(commands).toEqual(["ollama pull qwen3"]);
    expect(pieces.map((piece) => piece.text).join("")).toBe("Run ollama pull qwen3, or set OLLAMA_BASE_URL.");
    expect(pieces.filter((piece) => piece.code).map((piece) => piece.text)).toEqual(["ollama pull qwen3", "OLLAMA_BASE_URL"]);
  });
});

describe("the tab's title", () => {
  it("shows what goes on, and that an answer came while the tab was hidden", () => {
    expect(tabTitle("Plans", true, "answering", false)).toBe("● Answering… – Plans");
    expect(tabTitle("Plans", false, "done", true)).toBe("✓ Plans");
    expect(tabTitle("Plans", false, "done", false)).toBe("Plans");
  });

  it.each(["connecting", "waiting", "starting_worker", "loading_model"] as const)("does not call %s an answer", (phase) => {
    expect(tabTitle("Plans", true, phase, false)).toBe("○ Waiting… – Plans");
    expect(tabTitle("Plans", true, undefined, false)).toBe("○ Waiting… – Plans");
  });

  it("does not call a failure done", () => {
    expect(tabTitle("Plans", false, "failed", true)).toBe("✗ Failed – Plans");
    expect(tabTitle("Plans", false, "cancelled", true)).toBe("Plans");
  });
});
