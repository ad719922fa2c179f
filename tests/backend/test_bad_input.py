"""Any wrong request gets a clear 4xx at once, in the shape of its path; nothing is enqueued, the process stays alive.

`/api/chat` answers as Ollama does, where whatever is wrong with a request is a 400; the other paths are our own.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.house import House, MakesHouse
from tests.support.truth import Truth

JSON = {"Content-Type": "application/json"}
SOON_SECONDS = 0.1  # the contract's. A loaded machine only adds to it, so the quickest of two to thirty tries counts
TRIES = (2, 30)


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    return module_house(workers=0)


class Wrong(NamedTuple):
    """A body for POST /api/chat and its refusal. `says`: what the message must name."""

    body: bytes
    status: int = 400
    code: str = "invalid_request"
    says: str = ""


def wrong(says: str = "", **fields: Any) -> Wrong:
    """A request in which only these fields are wrong."""
    good = {"messages": [{"role": "user", "content": "hello"}]}
    return Wrong(json.dumps({**good, **fields}).encode(), says=says)


def message(**fields: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": "hello", **fields}]


def raw(text: bytes, code: str = "invalid_json", says: str = "") -> Wrong:
    return Wrong(text, code=code, says=says)


def of_size(size: int) -> Wrong:
    return Wrong(wrong(messages=message(content="a" * size)).body, 413, "too_large", "SLUICE_MAX_BODY_BYTES")


CALL = {"function": {"name": "f", "arguments": {}}}
WRONG: dict[str, Wrong] = {
    "empty body": raw(b"", says="empty"),
    "broken JSON": raw(b'{"messages": ['),
    "not JSON at all": raw(b"hello"),
    "no object": raw(b"[]", says="object"),
    "null": raw(b"null"),
    "nested without end": raw(b"[" * 100_000, "too_many_values"),
    "more lists than anybody sends": raw(b'{"messages": [' + b"[]," * 100_000 + b"[]]}", "too_many_values"),
    "nested deep in a field": raw(b'{"messages": ' + b"[" * 2_000 + b"]" * 2_000 + b"}"),
    "a NaN temperature": raw(b'{"messages": [{"role": "user", "content": "x"}], "options": {"temperature": NaN}}'),
    "an infinite temperature": raw(
        b'{"messages": [{"role": "user", "content": "x"}], "options": {"temperature": Infinity}}'
    ),
    "a number out of range": Wrong(
        b'{"messages": [{"role": "user", "content": "x"}], "options": {"temperature": 1e999}}', 400, ""
    ),
    "a lone surrogate": raw(b'{"messages": [{"role": "user", "content": "\\ud800"}]}'),
    "a lone surrogate in a key": raw(b'{"\\udfff": 1}'),
    "no UTF-8": raw(b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}'),
    "a NUL": raw(b'{"messages": [{"role": "user", "content": "a\\u0000b"}]}', "nul_character", "NUL"),
    "a NUL in a key": raw(b'{"a\\u0000": 1, "messages": []}', "nul_character"),
    "a raw NUL": raw(b'{"messages": [{"role": "user", "content": "a\x00b"}]}'),
    "10 MB of text": of_size(10_000_000),
    "one byte too much": of_size(8 * 1024 * 1024),
    "10,000 messages": Wrong(wrong(messages=message() * 10_000).body, 400, "too_many_messages", "10,000"),
    "no messages": Wrong(b"{}", says="messages"),
    "an empty conversation": wrong("messages", messages=[]),
    "messages that are text": wrong("messages", messages="hello"),
    "a message that is text": wrong("messages.0", messages=["hello"]),
    "no messages for a model of no name": Wrong(b'{"model": "", "messages": []}', says="messages"),
    "an unknown role": wrong("messages.0.role", messages=message(role="robot")),
    "no role": wrong("messages.0.role", messages=[{"content": "hello"}]),
    "a role of the wrong type": wrong("messages.0.role", messages=message(role=["user"])),
    "content that is a number": wrong("messages.0.content", messages=message(content=7)),
    "content in parts": wrong("messages.0.content", messages=message(content=[{"type": "text", "text": "x"}])),
    "a model that is a number": wrong("model", model=7),
    "a model's name without end": wrong("model", model="m" * 201),
    "stream that is a word": wrong("stream", stream="yes"),
    "options that are a list": wrong("options", options=[]),
    "a temperature that is a word": wrong("options.temperature", options={"temperature": "hot"}),
    "a temperature below zero": wrong("options.temperature", options={"temperature": -1}),
    "a share above one": wrong("options.top_p", options={"top_p": 1.5}),
    "a seed of 65 bits": wrong("options.seed", options={"seed": 2**64 - 1}),
    "too many stop strings": wrong("options.stop", options={"stop": ["x"] * 257}),
    "a stop string that is a number": wrong("options.stop", options={"stop": [7]}),
    "a format that is a number": wrong("format", format=7),
    "a thought of unknown depth": wrong("think", think="very hard"),
    "a kind of mirostat that there is not": wrong("options.mirostat", options={"mirostat": 3}),
    "keep_alive without a unit": wrong("keep_alive", keep_alive="10"),
    "keep_alive that is no time": wrong("keep_alive", keep_alive="5 minutes"),
    "keep_alive that is empty": wrong("keep_alive", keep_alive=""),
    "keep_alive that is a list": wrong("keep_alive", keep_alive=[]),
    "too many logprobs": wrong("top_logprobs", top_logprobs=21),
    "tools that are no objects": wrong("tools", tools=["hammer"]),
    "a tool of an unknown kind": wrong("tools.0.type", tools=[{"type": "hammer", "function": {"name": "f"}}]),
    "a tool without a name": wrong("tools.0.function.name", tools=[{"type": "function", "function": {}}]),
    "a tool whose parameters are no schema": wrong(
        "schema.properties.a.type",
        tools=[{"function": {"name": "f", "parameters": {"properties": {"a": {"type": "banana"}}}}}],
    ),
    "a schema that is elsewhere": wrong("nothing is fetched", format={"$ref": "http://127.0.0.1:1/schema.json"}),
    "a call without a name": wrong(
        "messages.0.tool_calls.0.function.name", messages=message(role="assistant", tool_calls=[{"function": {}}])
    ),
    "a call whose arguments are a text": wrong(
        "messages.0.tool_calls.0.function.arguments",
        messages=message(role="assistant", tool_calls=[{"function": {"name": "f", "arguments": "{}"}}]),
    ),
    "a remote image": wrong("URLs are never fetched", messages=message(images=["http://127.0.0.1:1/a.png"])),
    "an image on disk": wrong("URLs are never fetched", messages=message(images=["file:///etc/passwd"])),
    "an image that is no base64": wrong("images", messages=message(images=["§§§"])),
    "an image that is a text": wrong("not an image", messages=message(images=["aGVsbG8gd29ybGQ="])),
    "a tool's result without a call": wrong("tool_calls", messages=message(role="tool")),
    "a tool's result before its call": wrong(
        "tool_calls",
        messages=[{"role": "tool", "content": "4"}, {"role": "assistant", "content": "", "tool_calls": [CALL]}],
    ),
    "an unknown model": Wrong(wrong(model="gpt-9").body, 404, "model_not_found", "ollama pull gpt-9"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_chat_is_refused(client: httpx.AsyncClient, home: House, truth: Truth, name: str) -> None:
    body, status, code, says = WRONG[name]
    await refused(client, home, truth, "POST", "/api/chat", status, code, says, content=body, headers=JSON)


async def refused(
    client: httpx.AsyncClient,
    home: House,
    truth: Truth,
    method: str,
    path: str,
    status: int,
    code: str,
    says: str = "",
    **request: Any,
) -> None:
    """The contract of every refusal."""
    before = await contents(truth)
    took: list[float] = []
    while len(took) < TRIES[0] or (min(took) >= SOON_SECONDS and len(took) < TRIES[1]):
        began = time.monotonic()
        answer = await client.request(method, path, **request)
        took.append(time.monotonic() - began)
        assert answer.status_code == status, answer.text
        check_shape(answer, code, says)
    assert min(took) < SOON_SECONDS, took
    assert await contents(truth) == before
    home.api.expect_alive()


def check_shape(answer: httpx.Response, code: str, says: str) -> None:
    assert answer.headers["content-type"] == "application/json"
    error = error_of(answer)
    assert not code or error["code"] == code
    assert says in error["message"]
    assert error["request_id"] == answer.headers["x-request-id"] != ""
    assert len(error["message"]) < 600
    assert "x-sluice-job" not in answer.headers


def error_of(answer: httpx.Response) -> dict[str, str]:
    """`code`, `message`, `request_id`, read from Ollama's shape on its path and from our own on all others."""
    parsed: dict[str, Any] = answer.json()
    if answer.url.path == "/api/chat":
        assert parsed.keys() == {"error", "code", "request_id"}
        return {"message": parsed["error"], **parsed}
    assert parsed.keys() == {"error"}
    error: dict[str, str] = parsed["error"]
    assert error.keys() == {"code", "message", "request_id"}
    return error


async def contents(truth: Truth) -> tuple[int, list[bytes]]:
    """The demand, and every key that a job could have left."""
    keys = [key async for key in truth.redis.scan_iter(match=f"{truth.keys.prefix}:*", count=1000)]
    keys += [key async for key in truth.redis.scan_iter(match="sluice:idempotency:*", count=1000)]
    volatile = (b":clock", b":beats")
    return await truth.jobs.depth(), sorted(key for key in keys if not key.endswith(volatile))


FORM = "application/x-www-form-urlencoded"
SIGNS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:60.0)",
    "Accept-Language": "en",
    "Sec-Fetch-Site": "none",
    "Referer": "https://evil.example/",
    "Cookie": "a=b",
}
NO_JSON = [(kind, "", "/api/chat") for kind in ("text/plain", "multipart/form-data; boundary=x", "text/ping")]
NO_JSON += [(kind, sign, "/api/chat") for kind in (FORM, "") for sign in SIGNS]
NO_JSON += [(kind, "", "/api/v1/local-llm/generate") for kind in (FORM, "")]  # not a path of Ollama's


@pytest.mark.parametrize(("kind", "sign", "path"), NO_JSON)
async def test_a_body_of_another_type_is_refused(
    client: httpx.AsyncClient, home: House, truth: Truth, kind: str, sign: str, path: str
) -> None:
    """A foreign page's form can send these types without a preflight; one sign of a browser is enough for a refusal."""
    headers = {"Content-Type": kind} if kind else {}
    headers |= {sign: SIGNS[sign]} if sign else {}
    body, code = wrong().body, "wrong_media_type"
    await refused(client, home, truth, "POST", path, 415, code, "Content-Type", content=body, headers=headers)


async def test_a_form_of_our_own_page_is_refused_too(client: httpx.AsyncClient, home: House, truth: Truth) -> None:
    body, headers = wrong().body, {"Content-Type": FORM, "Origin": home.url}
    await refused(client, home, truth, "POST", "/api/chat", 415, "wrong_media_type", content=body, headers=headers)


@pytest.mark.parametrize("kind", [FORM, ""])
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show"])
async def test_the_type_that_curl_sends_by_default_is_read_as_json(
    client: httpx.AsyncClient, path: str, kind: str
) -> None:
    """Ollama's own examples send it: `curl …/api/chat -d '{…}'`. Here the body is read, and lacks its model."""
    headers = {"Content-Type": kind, "User-Agent": "curl/8.5.0"} if kind else {"User-Agent": "curl/8.5.0"}
    requested = {"model": "gpt-9", "messages": message(), "prompt": "hello", "input": "hello"}
    answer = await client.post(path, content=json.dumps(requested).encode(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found"), answer.text


TYPES = [
    "application/octet-stream",
    "text/json",
    "application/vnd.api+json",
    "application/x-ndjson",
    "Application/JSON",
]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages"])
async def test_a_type_that_no_form_can_send_is_read_as_json(client: httpx.AsyncClient, path: str, kind: str) -> None:
    """aiohttp, and with it LiteLLM's proxy, sends bytes as `application/octet-stream`."""
    requested = {"model": "gpt-9", "messages": message(), "prompt": "hello", "max_tokens": 1}
    headers = {"Content-Type": kind, **SIGNS, "Origin": str(client.base_url).rstrip("/")}
    answer = await client.post(path, content=json.dumps(requested).encode(), headers=headers)
    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize("encoding", ["gzip", "br", "x-unknown", "identity, gzip"])
async def test_an_encoded_body_is_refused(client: httpx.AsyncClient, home: House, truth: Truth, encoding: str) -> None:
    headers = {**JSON, "Content-Encoding": encoding}
    body, code = wrong().body, "encoded_body"
    await refused(
        client, home, truth, "POST", "/api/chat", 415, code, "Content-Encoding", content=body, headers=headers
    )
    plain = await client.post("/api/chat", content=b"{", headers={**JSON, "Content-Encoding": "Identity"})
    assert plain.status_code == 400


@pytest.mark.parametrize("path", ["/v1/models", "/api/tags", "/health", "/api/version", "/api/jobs/unknown"])
async def test_a_slash_at_the_end_changes_nothing(client: httpx.AsyncClient, path: str) -> None:
    plain, slashed = await client.get(path), await client.get(path + "/")
    assert (plain.status_code, slashed.status_code) == (plain.status_code, plain.status_code)
    assert plain.status_code in (200, 404) and plain.json().keys() == slashed.json().keys()


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/api/chat"]
)
async def test_a_body_that_is_sent_to_a_path_with_a_slash_is_read(client: httpx.AsyncClient, path: str) -> None:
    requested = {"model": "gpt-9", "messages": message(), "input": "hello", "max_tokens": 1}
    answer = await client.post(path + "/", json=requested)
    assert answer.status_code == 404 and "gpt-9" in answer.text, answer.text


@pytest.mark.parametrize("path", ["/v1/models", "/api/tags", "/api/version", "/health", "/v1/nothing", "/api/jobs/x"])
async def test_no_cache_may_keep_an_answer_of_the_api(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).headers["cache-control"] == "no-store"
    for way in ("/api/chat", "/v1/chat/completions", "/v1/messages", "/api/lc/chat/invoke"):
        assert (await client.post(way, content=b"{", headers=JSON)).headers["cache-control"] == "no-store"


async def test_a_body_without_a_length_is_bounded_too(client: httpx.AsyncClient, home: House, truth: Truth) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b" " * 65_536

    before = await contents(truth)
    answer = await client.post("/api/chat", content=endless(), headers=JSON)
    assert answer.status_code == 413
    check_shape(answer, "too_large", "SLUICE_MAX_BODY_BYTES")
    assert await contents(truth) == before


MANY = "grace:" + "9" * 5_000  # more digits than a number may have


@pytest.mark.parametrize(
    "wish", ["forever", "grace", "grace:", "grace:-1", "grace:1.5", "grace:86401", "grace:٣", MANY]
)
async def test_an_unknown_value_of_x_sluice_on_disconnect_is_refused(
    client: httpx.AsyncClient, home: House, truth: Truth, wish: str
) -> None:
    headers = {**JSON, "X-Sluice-On-Disconnect": wish.encode()}
    await refused(
        client, home, truth, "POST", "/api/chat", 400, "invalid_on_disconnect", content=wrong().body, headers=headers
    )


@pytest.mark.parametrize("pace", ["fast", "-1", "1001", "1.5", "٣", "9" * 5_000])
async def test_an_unusable_pace_is_refused(client: httpx.AsyncClient, home: House, truth: Truth, pace: str) -> None:
    headers = {**JSON, "X-Sluice-Pace": pace.encode()}
    await refused(client, home, truth, "POST", "/api/chat", 400, "invalid_pace", content=wrong().body, headers=headers)


async def test_a_caller_who_leaves_before_the_request_is_whole_is_no_failure(home: House) -> None:
    at = urlsplit(home.url)
    head = b"POST /api/chat HTTP/1.1\r\nhost: localhost\r\nx-request-id: left\r\ncontent-type: application/json\r\n"
    with socket.create_connection((at.hostname, at.port), timeout=60) as line:
        line.sendall(head + b"content-length: 1000\r\n\r\n{")
    await home.api.wait_for_action("request.answered", within=60, request_id="left")
    parsed = {str(line["action"]): line["level"] for line in home.api.log_lines() if line.get("request_id") == "left"}
    assert parsed == {"request.left": "info", "request.answered": "info"}


@pytest.mark.parametrize("key", ["a b", "x" * 201, "ü"])
async def test_an_unusable_idempotency_key_is_refused(
    client: httpx.AsyncClient, home: House, truth: Truth, key: str
) -> None:
    headers = {**JSON, "Idempotency-Key": key.encode()}
    await refused(
        client, home, truth, "POST", "/api/chat", 400, "invalid_idempotency_key", content=wrong().body, headers=headers
    )


IDS = {
    "a wrong one": "0192e0c0-0000-7000-8000-000000000000",
    "a pattern": "*",
    "a long one": "x" * 4_000,
    "a NUL": "a%00b",
    "a line feed": "a%0d%0ab",
    "no ASCII": "%ff%fe",
    "a key's tail": "x:y",
    "braces": "%7Bdefault%7D",
}


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("GET", "/events"), ("POST", "/cancel")])
async def test_an_unknown_job_is_not_found(
    client: httpx.AsyncClient, home: House, truth: Truth, name: str, method: str, tail: str
) -> None:
    path = f"/api/jobs/{IDS[name]}{tail}"
    await refused(client, home, truth, method, path, 404, "job_not_found", "There is no job")


GARBAGE = ["x", "1", "1-", "-1", "1-2-3", "1-x", "1.0-1", "٣-١", "9" * 20 + "-1", "1--1", "+1-1", f"{2**64}-0"]  # noqa: RUF001


@pytest.fixture
async def logged(truth: Truth, client: httpx.AsyncClient) -> str:
    """A job whose log ends at 2-1."""
    job = "0192e0c0-1111-7000-8000-000000000000"
    if await truth.jobs.record(job) is None:
        fields = {"state": "queued", "tenant": "local", "class": "interactive", "attempt": 2, "accepted": 1, "due": 2}
        await truth.redis.hset(truth.keys.job(job), mapping=fields)
        for name in ("1-0", "1-1", "1-2", "2-0", "2-1"):
            await truth.redis.xadd(truth.keys.events(job), {"e": '{"type":"token","text":"a"}'}, id=name)
    return job


@pytest.mark.parametrize("cursor", GARBAGE)
async def test_a_last_event_id_that_is_no_event_id_is_refused(
    client: httpx.AsyncClient, home: House, truth: Truth, logged: str, cursor: str
) -> None:
    headers = {"Last-Event-ID": cursor.encode()}
    path, code = f"/api/jobs/{logged}/events", "invalid_event_id"
    await refused(client, home, truth, "GET", path, 422, code, headers=headers)


@pytest.mark.parametrize("cursor", ["2-2", "3-0", "9999999999999999999-1", "1-7", "1-3", "0-1"])
async def test_a_last_event_id_of_no_event_of_this_job_is_a_conflict(
    client: httpx.AsyncClient, home: House, truth: Truth, logged: str, cursor: str
) -> None:
    """The id is ahead of the log, or of another job: the refusal names the end of the log."""
    path, headers = f"/api/jobs/{logged}/events", {"Last-Event-ID": cursor}
    await refused(client, home, truth, "GET", path, 409, "unknown_event_id", "2-1", headers=headers)


async def test_an_unknown_path_or_method_is_answered_in_the_shape_of_all_errors(
    client: httpx.AsyncClient, home: House, truth: Truth
) -> None:
    await refused(client, home, truth, "GET", "/api/nothing", 404, "not_found")
    await refused(client, home, truth, "DELETE", "/api/chat", 405, "method_not_allowed")


async def test_a_request_id_that_could_break_a_log_is_replaced(client: httpx.AsyncClient) -> None:
    for unusable in (b"a b", b"x" * 129, "ü".encode(), b'"}', b""):
        answer = await client.post("/api/chat", content=b"", headers={"X-Request-ID": unusable})
        assert answer.headers["x-request-id"].encode() != unusable
        check_shape(answer, "invalid_json", "")
    kept = await client.post("/api/chat", content=b"", headers={"X-Request-ID": "mine-1.a:b_C"})
    assert kept.headers["x-request-id"] == kept.json()["request_id"] == "mine-1.a:b_C"


async def test_after_all_these_refusals_a_right_chat_is_let_in(
    client: httpx.AsyncClient, home: House, truth: Truth
) -> None:
    """The requests above are refused for their own faults: a good request on the same path is answered."""
    headers = {**JSON, "Accept": "text/event-stream"}
    async with client.stream("POST", "/api/chat", content=wrong().body, headers=headers) as answer:
        assert answer.status_code == 200
        job = answer.headers["x-sluice-job"]
        assert (await truth.record(job)).state == "queued"
        assert await truth.jobs.depth() == 1
