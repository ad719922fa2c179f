"""The page's nginx: the same page as the API serves, every path of the API passed on, and nothing held back."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from backend.dialects.protocols import PROTOCOLS
from backend.entrance.protocols import Protocols
from backend.errors import ApiError
from backend.settings import DAY_SECONDS
from backend.site.files import read_site
from tests.backend.built_page import client_of
from tests.deploy.test_entrance import wanted
from tests.images.dockerfile import IMAGES
from tests.images.nginx import PAGE, Nginx, running
from tests.support.child import free_port
from tests.support.house import House, MakesHouse
from tests.support.sse import open_stream

SETTINGS = {"SLUICE_MAX_FILE_BYTES": "200000", "SLUICE_MAX_BODY_BYTES": "100000"}
OWN = ("content-length", "etag", "vary", "x-request-id")  # headers in which two servers may differ
CONF = (IMAGES / "nginx.conf").read_text()
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], "asyncio.Future[None]"]


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    return module_house(workers=0, **SETTINGS)


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory, home: House) -> Iterator[Nginx]:
    with running(tmp_path_factory.mktemp("nginx"), home.api.port) as nginx:
        yield nginx


@pytest.fixture
async def visitor(nginx: Nginx) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=nginx.url, headers={"accept-encoding": "identity"}) as client:
        yield client


# Which path goes where


def test_the_prefixes_are_those_of_the_openapi_document() -> None:
    [prefixes] = re.findall(r"location ~ \^/\((.+)\)\(/\|\$\)", CONF)
    assert {f"/{part}" for part in prefixes.replace("\\", "").split("|")} == wanted()


@pytest.mark.parametrize("path", sorted(wanted()))
async def test_the_api_answers_its_own_paths(visitor: httpx.AsyncClient, home: House, path: str) -> None:
    for below in (path, f"{path}/nowhere", f"{path}/no.br", f"{path}/.hidden"):
        through = await visitor.get(below)
        async with httpx.AsyncClient(base_url=home.url) as direct:
            there = await direct.get(below)
        assert through.status_code == there.status_code
        assert through.headers.get("content-type") == there.headers.get("content-type")
        assert through.headers["content-security-policy"] == there.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics", "/apiary", "/v10"]
)
async def test_a_path_that_is_not_for_visitors_ends_at_the_page_s_404(nginx: Nginx, path: str) -> None:
    async with open_stream(nginx.url, method="GET", headers={}) as home:
        assert home.status == 200
    async with open_stream(f"{nginx.url}{path}") as answer:
        assert answer.status == 404
        assert b"<!DOCTYPE html>" in await answer.body()
        assert "x-request-id" not in answer.headers, "the API has seen it"


# The page


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "gzip, deflate, br;q=0.9", "br;q=0"])
async def test_every_file_of_the_page_is_sent_as_the_api_sends_it(visitor: httpx.AsyncClient, encoding: str) -> None:
    """The same body, type, caching, and at least the same headers that keep a browser safe."""
    headers = {"accept-encoding": encoding, "accept": "text/html"}
    async with client_of(PAGE) as api:
        for path in read_site(PAGE).files:
            if path.endswith((".br", ".gz")):
                continue
            here, there = await visitor.get(path, headers=headers), await api.get(path, headers=headers)
            assert (here.status_code, here.content) == (200, there.content), path
            expected = {name: value for name, value in there.headers.items() if name not in OWN}
            if not here.headers["content-type"].startswith("text/html"):
                expected.pop("content-security-policy")  # a file's policy is stricter; a document's does for it too
            assert expected.items() <= dict(here.headers).items(), path
            assert "accept-encoding" in here.headers["vary"].lower()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_program_that_takes_no_page_reads_ollama_s_sign_of_life(
    visitor: httpx.AsyncClient, method: str
) -> None:
    async with client_of(PAGE) as api:
        for headers in ({}, {"accept": "application/json"}, {"user-agent": "Mozilla/5.0", "accept": "*/*"}):
            here, there = (
                await visitor.request(method, "/", headers=headers),
                await api.request(method, "/", headers=headers),
            )
            assert (here.status_code, here.text) == (200, there.text)
            assert here.headers["content-type"] == there.headers["content-type"]
    assert (await visitor.get("/running")).status_code == 404


async def test_a_small_form_is_sent_to_a_client_that_takes_it(visitor: httpx.AsyncClient) -> None:
    for encoding in ("br", "gzip"):
        answer = await visitor.get("/", headers={"accept-encoding": encoding, "accept": "text/html"})
        assert answer.headers["content-encoding"] == encoding


@pytest.mark.parametrize("path", ["/index.html.br", "/index.html.gz", "/.br/index.html.br", "/headers.json", "/404/"])
async def test_a_double_or_a_file_for_servers_has_no_address(visitor: httpx.AsyncClient, path: str) -> None:
    assert (await visitor.get(path)).status_code == 404


async def test_a_lost_visitor_gets_a_page_with_its_policy(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/nowhere", headers={"accept-encoding": "br"})
    assert answer.status_code == 404 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-cache"


async def test_a_folder_without_its_slash_leads_to_it_under_any_address(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/admin")
    assert (answer.status_code, answer.headers["location"]) == (301, "/admin/")


async def test_a_file_that_has_not_changed_is_not_sent_again(visitor: httpx.AsyncClient) -> None:
    for encoding in ("identity", "gzip", "br"):
        headers = {"accept-encoding": encoding, "accept": "text/html"}
        first = await visitor.get("/", headers=headers)
        again = headers | {"if-none-match": first.headers["etag"]}
        assert (await visitor.get("/", headers=again)).status_code == 304


# Limits: the API's


async def test_a_file_of_the_largest_size_passes_and_a_larger_one_is_refused_by_the_api(
    visitor: httpx.AsyncClient, nginx: Nginx
) -> None:
    fits, too_large = b"x" * 200_000, b"x" * 300_000
    for content, status in ((fits, 200), (too_large, 413)):
        form = {"file": ("a.jsonl", content)}
        answer = await visitor.post("/v1/files", data={"purpose": "user_data"}, files=form)
        assert answer.status_code == status, answer.text
    assert "SLUICE_MAX_FILE_BYTES" in answer.json()["error"]["message"]


async def test_a_body_of_more_than_the_limit_is_refused_in_the_client_s_own_words(visitor: httpx.AsyncClient) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x" * 3_000_000}]}
    for path, kind in (("/v1/chat/completions", dict), ("/api/chat", str)):
        answer = await visitor.post(path, json=body)
        assert answer.status_code == 413
        assert isinstance(answer.json()["error"], kind)


def test_no_answer_is_cut_before_its_deadline() -> None:
    assert "proxy_read_timeout 1d;" in CONF and DAY_SECONDS == 86_400


# What the API gets to see, and what happens without one


@contextlib.asynccontextmanager
async def listener(serve: Serve) -> AsyncIterator[int]:
    """Runs a server in an API's place; yields its port."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_the_api_learns_the_visitor_s_address_the_host_and_the_scheme(tmp_path: Path) -> None:
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async with listener(serve) as port, httpx.AsyncClient() as client:  # type: ignore[arg-type]
        with running(tmp_path, port) as nginx:
            await client.get(f"{nginx.url}/api/x", headers={"host": "chat.example.org:8443"})
            await client.get(
                f"{nginx.url}/api/x", headers={"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}
            )
    assert "host: chat.example.org:8443\r\n" in heads[0]
    assert "x-forwarded-for: 127.0.0.1\r\n" in heads[0] and "x-forwarded-proto: http\r\n" in heads[0]
    assert "x-forwarded-for: 192.0.2.7, 127.0.0.1\r\n" in heads[1] and "x-forwarded-proto: https\r\n" in heads[1]
    assert not any(f"\r\n{name}:" in head for head in heads for name in ("upgrade", "connection"))


async def test_an_event_is_passed_on_before_the_next_one_is_there(tmp_path: Path) -> None:
    """The API writes the second event when the first has reached the reader, and notices when the reader leaves."""
    read, left = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await read.wait()
        writer.write(b"data: 2\n\n")
        await reader.read()
        left.set()
        writer.close()

    async with listener(serve) as port:  # type: ignore[arg-type]
        with running(tmp_path, port) as nginx:
            async with open_stream(f"{nginx.url}/api/chat", method="GET") as answer:
                frames = answer.frames()
                assert (await asyncio.wait_for(anext(frames), 10)).data == b"1"
                read.set()
                assert (await asyncio.wait_for(anext(frames), 10)).data == b"2"
            await asyncio.wait_for(left.wait(), 10)


async def test_a_connection_that_is_refused_is_tried_once_more(tmp_path: Path, home: House) -> None:
    """A Service's process may have just left: the next one answers, also a POST that has a body."""
    with running(tmp_path, free_port(), home.api.port) as nginx:
        async with httpx.AsyncClient(base_url=nginx.url) as client:
            for _ in range(4):
                assert (await client.get("/health/live")).status_code == 200
                assert (await client.post("/api/chat", json={"messages": []})).status_code == 400


async def test_without_an_api_the_page_is_there_and_errors_name_when_to_try_again(tmp_path: Path) -> None:
    with running(tmp_path, free_port(), free_port()) as nginx:
        async with httpx.AsyncClient(base_url=nginx.url) as client:
            assert (await client.get("/")).status_code == 200
            families = ("/v1/chat/completions", "/v1/messages", "/v1/models", "/api/threads", "/health/ready")
            for path in (*families, *(prefix for protocol in PROTOCOLS for prefix in protocol.prefixes)):
                answer = await client.post(path, json={})
                assert answer.status_code == 503 and answer.headers["retry-after"] == "2"
                assert answer.headers["content-type"] == "application/json"
                assert shape_of_json(answer.json()) == shape_of_json(as_the_api_would_say(path)), path


def as_the_api_would_say(path: str) -> object:
    refusal = dict(Protocols(PROTOCOLS).at(path).refuse(ApiError("…"), "").body)
    for place in (refusal, refusal["error"]):
        if isinstance(place, dict):
            place.pop("request_id", None)  # which nginx does not know
    return refusal


def shape_of_json(value: object) -> object:
    """The object's names, and the kind of each value."""
    return {name: shape_of_json(one) for name, one in value.items()} if isinstance(value, dict) else type(value)
