"""A server on loopback is not open to every website that its user visits."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from starlette.responses import PlainTextResponse

from backend.entrance.guard import Guard
from tests.support.house import House, MakesHouse
from tests.support.truth import Truth

EVIL = "https://evil.example"
OURS = "http://localhost:3000"  # the one origin that the second API allows
CHAT = {"messages": [{"role": "user", "content": "hello"}], "stream": False}
FETCHED = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
FOLLOWED = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    """The first API with its defaults, the second with an allowed origin and host; one worker, so that chats end."""
    house = module_house(SLUICE_SIMULATED_RATE="0")
    house.start_api(CORS_ALLOW_ORIGINS=OURS, SLUICE_ALLOWED_HOSTS="sluice.example, other.example").wait_ready(workers=1)
    return house


@pytest.fixture
async def allowing(home: House) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=home.apis[1].url) as client:
        yield client


async def check_refused(answer: httpx.Response, code: str) -> None:
    assert answer.status_code == 403, answer.text
    parsed = answer.json()
    error = parsed if answer.url.path == "/api/chat" else parsed["error"]  # Ollama's shape, or our own
    assert error["code"] == code
    assert error["request_id"] == answer.headers["x-request-id"]
    assert "access-control-allow-origin" not in answer.headers


REBOUND = ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0", "[::2]"]
REBOUND += ["sluice.example", "", "evil.example:127.0.0.1"]
REBOUND += ["127.0.0.1:8000@evil.example", "127.0.0.1@evil.example", "localhost/.evil.example", "localhost:80:80"]
REBOUND += ["evil.localhost.example", "evil-local", "local", "internal", "[::1]evil.example", "localhost evil.example"]


@pytest.mark.parametrize("host", REBOUND)
async def test_a_rebound_name_is_refused(client: httpx.AsyncClient, truth: Truth, host: str) -> None:
    """DNS rebinding: the website's own name leads to this server, so its page is same-origin to the browser."""
    before = await truth.states()
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin", **FETCHED}
    await check_refused(await client.post("/api/chat", json=CHAT, headers=headers), "host_not_allowed")
    await check_refused(await client.get("/health", headers={"Host": host}), "host_not_allowed")
    assert await truth.states() == before


OUR_NAMES = ["127.0.0.1", "localhost", "localhost:8000", "LOCALHOST:9", "[::1]", "[::1]:8000"]
OUR_NAMES += [
    "host.docker.internal:8000",
    "my-mac.local",
    "Sluice.LocalHost:8000",
]  # names that nobody can own


@pytest.mark.parametrize("host", OUR_NAMES)
async def test_our_own_names_are_served(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/health", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["sluice.example", "other.example:443", "localhost"])
async def test_allowed_names_are_served(allowing: httpx.AsyncClient, host: str) -> None:
    assert (await allowing.get("/health", headers={"Host": host})).status_code == 200


OURSELVES = ("10.42.0.7", 8000)


@pytest.mark.parametrize(
    ("host", "server", "status"),
    [
        ("10.42.0.7:8000", OURSELVES, 200),
        ("10.42.0.7", OURSELVES, 200),
        ("10.42.0.8:8000", OURSELVES, 403),
        ("evil.example:8000", OURSELVES, 403),
        ("/run/api.sock", ("/run/api.sock", None), 403),
        ("", None, 403),
    ],
)
async def test_the_address_that_a_connection_came_to_is_no_rebound_name(
    host: str, server: tuple[str, int | None] | None, status: int
) -> None:
    """A cluster reaches a pod by its address, since the pod has no name."""
    guarded = Guard(PlainTextResponse("ok"), frozenset({"localhost"}), ())
    parsed: list[Any] = []

    async def send(message: Any) -> None:
        parsed.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", host.encode())], "server": server}
    await guarded(scope, None, send)  # type: ignore[arg-type]
    assert parsed[0]["status"] == status


CROSS_SITE = {
    "another site's script": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", **FETCHED},
    "an old browser": {"Origin": EVIL},
    "a sandboxed frame": {"Origin": "null"},
    "another port of this machine": {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site", **FETCHED},
    "an image tag": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "a subdomain": {"Sec-Fetch-Site": "same-site", **FETCHED},
    "our name as a prefix": {"Origin": "http://localhost.evil.example"},
    "an allowed origin, but not here": {"Origin": OURS},
}


@pytest.mark.parametrize("name", CROSS_SITE)
async def test_another_sites_page_is_refused(client: httpx.AsyncClient, truth: Truth, name: str) -> None:
    headers = CROSS_SITE[name]
    before = await truth.states()
    await check_refused(await client.post("/api/chat", json=CHAT, headers=headers), "origin_not_allowed")
    await check_refused(await client.get("/health/detailed", headers=headers), "origin_not_allowed")
    await check_refused(await client.options("/api/chat", headers=headers), "origin_not_allowed")
    assert await truth.states() == before


async def test_a_foreign_form_cannot_post_by_navigating(client: httpx.AsyncClient, truth: Truth) -> None:
    before = await truth.states()
    headers = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", **FOLLOWED}
    await check_refused(await client.post("/api/chat", json=CHAT, headers=headers), "origin_not_allowed")
    headers.pop("Origin")
    await check_refused(await client.post("/api/chat", json=CHAT, headers=headers), "origin_not_allowed")
    assert await truth.states() == before


async def test_following_a_link_here_is_possible(client: httpx.AsyncClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", **FOLLOWED}
    assert (await client.get("/health", headers=headers)).status_code == 200


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_our_own_page_is_served(client: httpx.AsyncClient, home: House, site: str) -> None:
    headers = {"Origin": home.url, "Sec-Fetch-Site": site, **FETCHED}
    answer = await client.post("/api/chat", json=CHAT, headers=headers)
    assert answer.status_code == 200, answer.text


async def test_a_client_that_is_no_browser_is_served(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/chat", json=CHAT)).status_code == 200


async def test_a_page_of_an_allowed_origin_is_served_and_reads_our_headers(allowing: httpx.AsyncClient) -> None:
    wanted = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,idempotency-key",
    }
    preflight = await allowing.options("/api/chat", headers={"Origin": OURS, "Sec-Fetch-Site": "cross-site", **wanted})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == OURS
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "idempotency-key" in preflight.headers["access-control-allow-headers"].lower()
    headers = {"Origin": OURS, "Sec-Fetch-Site": "cross-site", **FETCHED}
    answer = await allowing.post("/api/chat", json=CHAT, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == OURS
    exposed = answer.headers["access-control-expose-headers"]
    assert "X-Sluice-Job" in exposed and "X-Request-ID" in exposed


async def test_an_allowed_origin_lets_no_other_origin_in(allowing: httpx.AsyncClient) -> None:
    for origin in (EVIL, "null", OURS + "0", "http://localhost:3001"):
        answer = await allowing.post("/api/chat", json=CHAT, headers={"Origin": origin})
        await check_refused(answer, "origin_not_allowed")


async def test_a_page_of_an_allowed_origin_reads_why_it_is_refused(allowing: httpx.AsyncClient) -> None:
    headers = {"Origin": OURS, "Sec-Fetch-Site": "cross-site", **FETCHED}
    json = {**headers, "Content-Type": "application/json"}
    typed = await allowing.post("/api/chat", content=b"hello", headers={**headers, "Content-Type": "text/plain"})
    encoded = await allowing.post("/v1/messages", content=b"x", headers={**headers, "Content-Encoding": "gzip"})
    hosted = await allowing.get("/api/tags", headers={**headers, "Host": "evil.example"})
    large = await allowing.post("/v1/messages", content=b" " * 2**23 + b"{}", headers=json)
    assert [typed.status_code, encoded.status_code, hosted.status_code, large.status_code] == [415, 415, 403, 413]
    for answer in (typed, encoded, hosted, large):
        assert answer.headers["access-control-allow-origin"] == OURS
        assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


async def test_a_request_with_two_hosts_is_refused(home: House) -> None:
    at = urlsplit(home.url)
    for second in ("localhost", "evil.example"):
        with socket.create_connection((at.hostname, at.port), timeout=60) as line:
            line.sendall(f"GET /api/tags HTTP/1.1\r\nHost: localhost\r\nHost: {second}\r\n".encode())
            line.sendall(b"Connection: close\r\n\r\n")
            with line.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert orjson.loads(body)["code"] == "malformed_request"


OLD_BROWSERS = [
    {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:60.0)"},
    {"Referer": "https://evil.example/", "User-Agent": ""},
    {"Cookie": "a=b"},
    {"User-Agent": "Mozilla/5.0", "Authorization": "Basic YTpi"},  # of an address with a name and a password in it
]
UPLOAD = {"files": {"file": ("a.jsonl", b"{}")}, "data": {"purpose": "batch"}}


@pytest.mark.parametrize("headers", OLD_BROWSERS)
async def test_a_form_of_a_browser_that_names_no_origin_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """Such a form has a file or no body at all: no type of a body shows what it is."""
    uploaded = await client.post("/v1/files", headers=headers, **UPLOAD)  # type: ignore[arg-type]
    assert (uploaded.status_code, uploaded.json()["error"]["code"]) == (403, "origin_not_allowed")
    await check_refused(await client.post("/api/jobs/some/cancel", headers=headers), "origin_not_allowed")


PROGRAMS = [
    {"User-Agent": "OpenAI/Python 2.8.0", "Authorization": "Bearer none"},
    {"User-Agent": "OpenAI/JS 6.9.1", "Authorization": "Bearer none", "Accept-Language": "*", "Sec-Fetch-Mode": "cors"},
    {"User-Agent": "node", "Accept-Language": "*", "Sec-Fetch-Mode": "cors"},
    {"User-Agent": "curl/8.5.0"},
    {"User-Agent": "Mozilla/5.0 (of an Electron app)", "Authorization": "bearer none"},
    {"User-Agent": "Mozilla/5.0", "Sec-Fetch-Site": "same-origin", **FETCHED},
]


@pytest.mark.parametrize("headers", PROGRAMS)
async def test_programs_and_our_own_page_may_upload_and_post_without_a_body(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    uploaded = await client.post("/v1/files", headers=headers, **UPLOAD)  # type: ignore[arg-type]
    assert uploaded.status_code == 200, uploaded.text
    assert (await client.post("/api/jobs/some/cancel", headers=headers)).status_code == 404


async def test_without_cors_no_page_of_another_origin_reads_an_answer(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health")
    assert not [name for name in answer.headers if name.startswith("access-control-")]
