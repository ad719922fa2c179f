"""A page as the build leaves it, made by hand, and the app that serves it; that needs no house."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import httpx

from backend.app import create_app
from backend.settings import ApiSettings

CSP = "default-src 'none'; script-src 'self' 'sha256-abc='"
SCRIPT = "console.log('chunk');\n" * 100
HEADERS = {
    "documents": {"content-security-policy": CSP, "x-content-type-options": "nosniff", "x-frame-options": "DENY"},
    "files": {"x-content-type-options": "nosniff"},
}
FILES = {
    "index.html": "<!DOCTYPE html><title>Sluice</title>",
    "admin/index.html": "<!DOCTYPE html><title>Workers</title>",
    "404.html": "<!DOCTYPE html><title>Not here</title>",
    "404/index.html": "<!DOCTYPE html><title>Not here</title>",
    "index.txt": "0:[]",
    "_next/static/chunks/a1b2.js": SCRIPT,
    "headers.json": json.dumps(HEADERS),
    "headers.nginx.conf": "add_header x y;",
    ".source-hash": "abc",
    ".git/config": "secret",
}


def make_page(folder: Path) -> Path:
    """Write it; compressed forms of the script say which they are."""
    for path, text in FILES.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    script = folder / "_next/static/chunks/a1b2.js"
    script.with_name("a1b2.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    script.with_name("a1b2.js.br").write_bytes(b"as brotli")
    return folder


def client_of(page: Path) -> httpx.AsyncClient:
    """A client of an API that serves this page, with no encoding accepted unless the test says so."""
    app = create_app(ApiSettings(page_dir=page, _env_file=None))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"accept-encoding": "identity"})
