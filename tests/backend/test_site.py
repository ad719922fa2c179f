"""The page is served from a table: what is in it, as it was built; nothing else; and the API's paths stay the API's."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.routing import Match
from starlette.types import Message, Scope
from structlog.testing import CapturingLogger

from backend.app import create_app
from backend.settings import ApiSettings
from backend.site.files import read_site
from backend.site.route import SiteRoute
from tests.backend.built_page import CSP, FILES, SCRIPT, client_of, make_page
from tests.deploy.test_entrance import api_parts
from tests.images.dockerfile import read

CHUNK = "/_next/static/chunks/a1b2.js"
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_page(tmp_path / "out")) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "file"), [("/", "index.html"), ("/admin/", "admin/index.html"), ("/?c=1", "index.html")]
)
async def test_a_document_is_sent_with_its_csp_and_requested_again(
    page: httpx.AsyncClient, path: str, file: str
) -> None:
    answer = await page.get(path, headers=BROWSER)
    assert (answer.status_code, answer.text) == (200, FILES[file])
    assert ("accept, user-agent" in answer.headers.get_list("vary")) == (
        file == "index.html"
    )  # else it is Ollama's sentence
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers.get_list("content-security-policy") == [CSP]
    assert answer.headers["x-frame-options"] == "DENY"


async def test_a_chunk_is_kept_for_ever(page: httpx.AsyncClient) -> None:
    answer = await page.get(CHUNK)
    assert answer.text == SCRIPT
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("GZIP ; q=1.0", "gzip"),
        ("identity", ""),
        ("gzip;q=0.0", ""),
        ("", ""),
    ],
)
async def test_the_best_form_that_the_client_takes_is_sent(
    page: httpx.AsyncClient, accepted: str, encoding: str
) -> None:
    async with page.stream("GET", CHUNK, headers={"accept-encoding": accepted}) as answer:
        body = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding", "") == encoding
    assert answer.headers["vary"] == "accept-encoding"
    assert int(answer.headers["content-length"]) == len(body)
    assert (body == b"as brotli") == (encoding == "br")
    assert (body == SCRIPT.encode()) == (encoding == "")


async def test_a_file_that_a_browser_has_is_not_sent_again(page: httpx.AsyncClient) -> None:
    etag = (await page.get("/", headers=BROWSER)).headers["etag"]
    answer = await page.get("/", headers={**BROWSER, "if-none-match": f'"other", {etag}'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag
    assert (await page.get("/", headers={**BROWSER, "if-none-match": '"other"'})).status_code == 200


async def test_a_script_of_the_page_finds_the_page_at_the_root(page: httpx.AsyncClient) -> None:
    asked = {"accept": "*/*", "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140"}
    answer = await page.get("/", headers=asked)
    assert (answer.status_code, answer.text) == (200, FILES["index.html"])


@pytest.mark.parametrize("accepted", ["*/*", "application/json", "", "text/plain"])
async def test_a_caller_that_takes_no_page_reads_at_the_root_that_ollama_is_running(
    page: httpx.AsyncClient, accepted: str
) -> None:
    """Ollama's command line and many tools look for this sentence."""
    answer = await page.get("/", headers={"accept": accepted})
    assert (answer.status_code, answer.text) == (200, "Ollama is running")
    assert answer.headers["content-type"].startswith("text/plain") and answer.headers["vary"] == "Accept, User-Agent"
    assert (await page.head("/", headers={"accept": accepted})).status_code == 200


async def test_head_has_the_headers_of_get_and_no_body(tmp_path: Path) -> None:
    """Asked without a client between, since clients drop such a body unseen."""
    route = SiteRoute(read_site(make_page(tmp_path / "out")))
    got, asked = [await messages_of(route, method) for method in ("GET", "HEAD")]
    assert asked[0] == got[0]
    assert (got[1]["body"], asked[1]["body"]) == (SCRIPT.encode(), b"")


async def messages_of(route: SiteRoute, method: str) -> list[Message]:
    """What the route sends when asked for the chunk."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("a read has no body")

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": method, "path": CHUNK, "headers": []}
    assert route.matches(scope) == (Match.FULL, {})
    await route.handle(scope, receive, send)
    return sent


async def test_a_folder_gets_its_slash_and_keeps_its_query(page: httpx.AsyncClient) -> None:
    answer = await page.get("/admin?tab=jobs")
    assert (answer.status_code, answer.headers["location"]) == (307, "/admin/?tab=jobs")


async def test_the_page_is_only_read(page: httpx.AsyncClient) -> None:
    answer = await page.post("/", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/_next/static/../../.source-hash",
        "/_next/static/chunks/a1b2.js%00",
        "/.source-hash",
        "/.git/config",
        "/headers.json",
        "/headers.nginx.conf",
        CHUNK + ".br",
        "/404/",
        "/_next/",
        "/_next/static/chunks",
    ],
)
async def test_a_path_that_is_not_in_the_table_is_not_there(page: httpx.AsyncClient, path: str) -> None:
    answer = await page.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


async def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = make_page(tmp_path / "out")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "secret.txt").symlink_to(tmp_path / "secret.txt")
    async with client_of(folder) as page:
        assert (await page.get("/secret.txt")).status_code == 404


async def test_a_person_who_got_lost_sees_the_pages_own_404(page: httpx.AsyncClient) -> None:
    answer = await page.get("/nowhere", headers=BROWSER)
    assert (answer.status_code, answer.text) == (404, FILES["404.html"])
    assert answer.headers["content-security-policy"] == CSP


@pytest.mark.parametrize("path", ["/api", "/api/nothing", "/v1/nothing", "/health/nothing", "/metrics/x"])
async def test_a_wrong_path_of_the_api_is_answered_as_json_also_to_a_browser(
    page: httpx.AsyncClient, path: str
) -> None:
    answer = await page.get(path, headers=BROWSER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_a_wrong_method_on_the_api_stays_a_405(page: httpx.AsyncClient) -> None:
    answer = await page.get("/api/lc/chat/stream", headers=BROWSER)
    assert answer.status_code == 405


def test_every_route_of_the_api_is_known_as_the_apis() -> None:
    paths = create_app(ApiSettings(_env_file=None)).openapi()["paths"]
    assert len(paths) > 5
    assert {path.split("/")[1] for path in paths} <= api_parts()


@pytest.mark.parametrize("path", ["/health/live", "/api/nothing", "/openapi.json"])
async def test_the_apis_answers_are_never_taken_for_a_page(page: httpx.AsyncClient, path: str) -> None:
    headers = (await page.get(path)).headers
    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert headers.get_list("content-security-policy") == ["default-src 'none'; frame-ancestors 'none'"]


async def test_the_documentation_may_run_its_own_script_and_no_other(page: httpx.AsyncClient) -> None:
    answer = await page.get("/docs")
    [policy] = answer.headers.get_list("content-security-policy")
    assert "script-src 'self' 'unsafe-inline';" in policy
    assert "https:" not in policy
    assert "https:" not in answer.text


async def test_a_build_that_replaces_the_folder_does_not_disturb_a_process_that_serves_it(tmp_path: Path) -> None:
    folder = make_page(tmp_path / "out")
    async with client_of(folder) as page:
        shutil.rmtree(folder)
        assert (await page.get(CHUNK)).text == SCRIPT


@pytest.mark.parametrize("broken", ["", "headers.json", "index.html", "404.html"])
async def test_without_a_whole_page_the_api_works_and_explains_how_to_build_it(tmp_path: Path, broken: str) -> None:
    folder = tmp_path / "out"
    if broken:
        (make_page(folder) / broken).unlink()
    async with client_of(folder) as page:
        answer = await page.get("/", headers=BROWSER)
        assert answer.status_code == 200
        assert "make page" in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert (await page.get("/nowhere", headers=BROWSER)).json()["error"]["code"] == "not_found"
        assert (await page.get("/openapi.json")).status_code == 200


@pytest.mark.parametrize(("setting", "warned"), [("auto", True), ("elsewhere", False)])
def test_a_page_that_another_server_has_is_no_trouble(
    tmp_path: Path, setting: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in our images, where the page's nginx has it."""
    log = CapturingLogger()
    monkeypatch.setattr("backend.site.page.log", log)
    monkeypatch.setattr("backend.site.page.PLACES", (tmp_path / "nothing",))
    create_app(ApiSettings(page=setting, _env_file=None))  # type: ignore[call-arg]
    assert [(call.method_name, call.kwargs["action"]) for call in log.calls] == [("warning", "site.missing")] * warned


def test_our_image_explains_that_its_page_is_elsewhere() -> None:
    assert read("backend").final.env["SLUICE_PAGE"] == "elsewhere"
