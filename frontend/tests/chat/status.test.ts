import { describe, expect, it } from "vitest";
import { adviceFor } from "@/components/chat/advice";
import { answerError } from "@/stream/errors";
import { detailSentence, statusSentence } from "@/components/chat/status";
import { about, duration, ordinal, speed } from "@/components/ui/words";

describe("the status line", () => {
  it("shows the place and the time where they are known", () => {
    expect(statusSentence({ phase: "waiting", position: 3, etaSeconds: 21 })).toBe("3rd in the queue · about 20 s");
    expect(statusSentence({ phase: "waiting", position: 1 })).toBe("Next in the queue");
    expect(statusSentence({ phase: "waiting" })).toBe("In the queue");
  });

  it("names the model that is being loaded", () => {
    expect(statusSentence({ phase: "loading_model", model: "qwen3:8b" })).toBe("Loading qwen3:8b…");
    expect(statusSentence({ phase: "loading_model" })).toBe("Loading the model…");
  });

  it("shows that the answer goes on while the network is cut", () => {
    expect(statusSentence({ phase: "reconnecting", jobId: "j" })).toBe("Reconnecting — the answer goes on");
  });

  it("promises no answer while the question has not arrived", () => {
    expect(statusSentence({ phase: "reconnecting" })).toBe("The server is not reached; sending again…");
  });

  it("is empty once the answer has ended", () => {
    for (const phase of ["done", "failed", "cancelled"] as const) expect(statusSentence({ phase })).toBeNull();
  });

  it("puts a known reason in words and shows any other as it is", () => {
    expect(detailSentence("worker_lost")).toBe("A worker was lost; trying again");
    expect(detailSentence("restarted")).toBe("The answer begins anew");
    expect(detailSentence("The engine is away.")).toBe("The engine is away.");
    expect(detailSentence(undefined)).toBeNull();
  });
});

describe("words for numbers", () => {
  it("counts places", () => {
    expect([1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal).join(" ")).toBe("1st 2nd 3rd 4th 11th 12th 13th 21st 102nd 111th");
  });

  it("rounds waits so that they do not flicker", () => {
    expect([2, 7, 22, 89, 90, 200].map(about)).toEqual(["a few seconds", "about 5 s", "about 20 s", "about 90 s", "about 2 min", "about 3 min"]);
  });

  it("shows durations with the digits that matter", () => {
    expect([40, 430, 9_900, 12_300, 125_000].map(duration)).toEqual(["40 ms", "0.4 s", "9.9 s", "12 s", "2 min 5 s"]);
    expect([speed(3.26), speed(38.2)]).toEqual(["3.3 tok/s", "38 tok/s"]);
  });
});

describe("advice on an error", () => {
  it("offers another try where it may work", () => {
    expect(adviceFor({ code: "queue_full", message: "Try in 5 s.", retryable: true })).toEqual({
      title: "The queue is full",
      text: "Try in 5 s.",
      remedies: ["retry"],
    });
  });

  it("offers to edit where the input is at fault", () => {
    expect(adviceFor({ code: "context_too_long", message: "", retryable: false }).remedies[0]).toBe("edit");
  });

  it("offers another try where the server allows it", () => {
    expect(adviceFor({ code: "engine_refused", message: "", retryable: true }).remedies).toContain("retry");
  });

  it("has a card for a code that the table does not have", () => {
    const advice = adviceFor({ code: "brand_new", message: "Odd.", retryable: false });
    expect(advice).toEqual({ title: "The answer failed", text: "Odd.", remedies: ["retry", "edit"] });
  });

  it.each(["connection_lost", "job_forgotten", "job_not_found", "client_gone"])("has no second try beside an answer that may be there: %s", (code) => {
    const error = answerError({ code, message: "", retryable: true });
    expect(adviceFor(error).remedies).toEqual(["reload"]);
    expect(error.message).toMatch(/[Rr]eload/);
    expect(error.message).not.toMatch(/try again/i);
  });

  it("leads to a new chat where this one is gone", () => {
    expect(adviceFor(answerError({ code: "thread_not_found", message: "" })).remedies).toEqual(["new"]);
  });

  it.each(["unreachable", "offline", "queue_unavailable", "history_unavailable", "engine_error", "stream_cut", "job_lost", "draining"])(
    "names what happened: %s",
    (code) => {
      const { title, text, remedies } = adviceFor(answerError({ code, message: "" }));
      expect(title).not.toBe("The answer failed");
      expect(text).toMatch(/\w+ \w+/);
      expect(remedies[0]).toBe("retry");
    },
  );
});
