import { expect, test } from "vitest";
import { ApiError, errorOf, request } from "@/stream/api";
import { answerError } from "@/stream/errors";

test("a known code has the page's sentence, any other the server's", () => {
  expect(answerError({ code: "worker_lost", message: "fence" }).message).toBe(
    "The worker was lost, several times over. Try again.",
  );
  expect(answerError({ code: "brand_new", message: "Do this." })).toEqual({
    code: "brand_new",
    message: "Do this.",
    retryable: false,
  });
});

test("the event decides about another try before the code does", () => {
  expect(answerError({ code: "brand_new", message: "Oh.", retryable: true }).message).toBe("Oh. Try again.");
  expect(answerError({ code: "worker_lost", message: "", retryable: false }).retryable).toBe(false);
});

test("a long wait is given in minutes", () => {
  expect(answerError({ code: "queue_full", message: "", retryAfter: 240 }).message).toContain("in 4 minutes");
});

test("a refusal keeps its code, its request and how long to wait", async () => {
  const body = { error: { code: "queue_full", message: "full", request_id: "r1" } };
  const error = await errorOf(Response.json(body, { status: 429, headers: { "Retry-After": "3" } }));
  expect(error).toMatchObject({ code: "queue_full", message: "full", status: 429, requestId: "r1", retryAfter: 3 });
});

test("a proxy's page is an error, too", async () => {
  expect(await errorOf(new Response("<html>", { status: 502 }))).toMatchObject({ code: "http_502", status: 502 });
});

test("no answer at all is status 0", async () => {
  await expect(request("http://127.0.0.1:9/")).rejects.toMatchObject({ code: "unreachable", status: 0 });
  await expect(request("http://127.0.0.1:9/")).rejects.toBeInstanceOf(ApiError);
});
