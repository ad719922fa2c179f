"""The page as it was really built (`make page`): its CSP fits its scripts, each form of a file is the same file."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import subprocess
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest

from backend.site.files import read_site
from backend.site.page import PLACES
from tests.backend.built_page import client_of

OUT = PLACES[0]
DOCUMENTS = ("/", "/admin/")
UNBROTLI = "process.stdin.pipe(require('zlib').createBrotliDecompress()).pipe(process.stdout)"


class Scripts(HTMLParser):
    """The scripts that stand in a document, and what it loads."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=False)
        self.inline: list[str] = []
        self.loaded: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        place = dict(attrs).get("src" if tag == "script" else "href")
        if tag in ("script", "link") and place:
            self.loaded.append(place)
        self._inside = tag == "script" and not place

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False


@pytest.fixture
async def page() -> AsyncIterator[httpx.AsyncClient]:
    assert OUT.is_dir(), "The page is not built: make page"
    async with client_of(OUT) as client:
        yield client


def policy_of(answer: httpx.Response) -> dict[str, str]:
    """Directive → its sources."""
    [policy] = answer.headers.get_list("content-security-policy")
    return dict(directive.split(" ", 1) for directive in policy.split("; "))


@pytest.mark.parametrize("path", [*DOCUMENTS, "/nowhere"])
async def test_every_inline_script_is_allowed_by_its_hash(page: httpx.AsyncClient, path: str) -> None:
    answer = await page.get(path, headers={"accept": "text/html"})
    scripts = Scripts(answer.text).inline
    assert scripts
    allowed = policy_of(answer)["script-src"].split()
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in allowed, script[:200]


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_no_script_runs_and_nothing_is_fetched_but_our_own(page: httpx.AsyncClient, path: str) -> None:
    answer = await page.get(path, headers={"accept": "text/html"})
    policy = policy_of(answer)
    assert policy["default-src"] == "'none'"
    assert all(re.fullmatch(r"'self'|'sha256-.{44}'", source) for source in policy["script-src"].split())
    assert policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' data: blob:"
    assert {policy[name] for name in ("base-uri", "form-action", "frame-ancestors", "object-src")} == {"'none'"}
    assert len(answer.headers["content-security-policy"]) < 4096  # proxies refuse more
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "clipboard-write=(self)" in answer.headers["permissions-policy"]


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_all_that_a_document_loads_is_here(page: httpx.AsyncClient, path: str) -> None:
    loaded = Scripts((await page.get(path, headers={"accept": "text/html"})).text).loaded
    assert any(place.endswith(".js") for place in loaded)
    for place in loaded:
        assert place.startswith("/")
        assert (await page.get(place)).status_code == 200, place


def test_every_compressed_form_is_the_same_file() -> None:
    files = read_site(OUT).files
    compressed = [file for file in files.values() if len(file.bodies) > 1]
    assert compressed
    assert all(gzip.decompress(file.bodies["gzip"]) == file.bodies[""] for file in compressed)
    smallest = min(compressed, key=lambda file: len(file.bodies["br"]))  # Python has no Brotli: one is asked of Node
    node = subprocess.run(["node", "-e", UNBROTLI], input=smallest.bodies["br"], capture_output=True, check=True)
    assert node.stdout == smallest.bodies[""]


def test_text_worth_it_is_compressed() -> None:
    files = read_site(OUT).files
    large = {
        path: file for path, file in files.items() if path.endswith((".js", ".css")) and len(file.bodies[""]) > 1024
    }
    assert large
    assert all(len(file.bodies) == 3 for file in large.values())


def test_nginx_gets_the_same_headers() -> None:
    documents = dict(read_site(OUT).files["/"].headers)
    for line in (OUT / "headers.nginx.conf").read_text().splitlines():
        told = re.fullmatch(r'add_header ([a-z-]+) "([^"$]+)" always;', line)
        assert told, line
        assert documents[told[1].encode()] == told[2].encode()
