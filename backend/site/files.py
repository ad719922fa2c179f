"""The export's folder as a table: path → file, with everything that an answer needs made ready.

The table is in memory and so is every body (17 MB): a build that replaces the folder cannot disturb a process that
serves it, no request touches the disk, and no path leads anywhere that is not in the table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson

Headers = tuple[tuple[bytes, bytes], ...]

HEADERS = "headers.json"  # written last but one by the build: a folder without it is not whole
ENCODINGS = {"br": ".br", "gzip": ".gz"}  # what is there of them, the better one first
PRIVATE = (HEADERS, "headers.nginx.conf", "404/", "_not-found/")  # notes for servers; doubles of 404.html
NOT_FOUND = "404.html"
INDEX = "index.html"
STATIC = "_next/static/"  # names that carry a hash of what they hold
FOREVER = b"public, max-age=31536000, immutable"
ASK_AGAIN = b"no-cache"  # may be kept, and is requested with its ETag every time
OCTETS = b"application/octet-stream"
TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".ico": b"image/x-icon",
    ".jpg": b"image/jpeg",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".mjs": b"text/javascript; charset=utf-8",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".ttf": b"font/ttf",
    ".txt": b"text/plain; charset=utf-8",
    ".webmanifest": b"application/manifest+json",
    ".webp": b"image/webp",
    ".woff": b"font/woff",
    ".woff2": b"font/woff2",
    ".xml": b"application/xml",
}


class NoPage(Exception):
    """The folder holds no finished page; the message names the missing part."""


class SiteFile(NamedTuple):
    """A file of the page.

    `bodies`: by content encoding, `""` the plain one. `headers`: all but those that depend on the request.
    """

    bodies: Mapping[str, bytes]
    headers: Headers
    etag: bytes


class Site(NamedTuple):
    """The page.

    `files`: by request path. `folders`: paths that lack their last slash. `not_found`: for a person who got lost.
    """

    files: Mapping[str, SiteFile]
    folders: frozenset[str] = frozenset()
    not_found: SiteFile | None = None


def read_site(folder: Path) -> Site:
    """Read all of a finished export. Raises NoPage, also for an export that was changed by hand."""
    try:
        sent = orjson.loads((folder / HEADERS).read_bytes())
        documents, others = (as_headers(sent[kind]) for kind in ("documents", "files"))
        read = {path: _read(folder, path, documents, others) for path in _paths(folder)}
        not_found = read.pop(NOT_FOUND)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoPage(f"{folder} holds no finished page ({type(error).__name__}: {error})") from None
    files = {_address(path): file for path, file in read.items()}
    if "/" not in files:
        raise NoPage(f"{folder} holds no {INDEX}")
    return Site(files, frozenset(path.rstrip("/") for path in files if path.endswith("/") and path != "/"), not_found)


def as_headers(named: Mapping[str, str]) -> Headers:
    """The headers as ASGI takes them."""
    return tuple((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named.items())


def make_file(bodies: Mapping[str, bytes], kind: bytes, cache: bytes, more: Headers) -> SiteFile:
    """`kind`: its Content-Type. The ETag is weak: one for all encodings of the same text."""
    etag = b'W/"%s"' % hashlib.sha256(bodies[""]).hexdigest()[:32].encode()
    vary = ((b"vary", b"accept-encoding"),) if len(bodies) > 1 else ()
    return SiteFile(bodies, ((b"content-type", kind), (b"cache-control", cache), (b"etag", etag), *vary, *more), etag)


def _paths(folder: Path) -> Iterator[str]:
    """The paths that may be served. No link is followed, and no name that begins with a dot is served."""
    for place in sorted(folder.rglob("*")):
        path = place.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in path.split("/"))
        if place.is_file() and not place.is_symlink() and not hidden and not path.startswith(PRIVATE):
            if not _is_compressed(place):
                yield path


def _is_compressed(place: Path) -> bool:
    """Another file's other form, not a file of its own."""
    return place.suffix in ENCODINGS.values() and place.with_suffix("").exists()


def _read(folder: Path, path: str, documents: Headers, others: Headers) -> SiteFile:
    place = folder / path
    bodies = {"": place.read_bytes()}
    for encoding, suffix in ENCODINGS.items():
        smaller = place.with_name(place.name + suffix)
        if smaller.exists():
            bodies[encoding] = smaller.read_bytes()
    cache = FOREVER if path.startswith(STATIC) else ASK_AGAIN
    more = documents if place.suffix == ".html" else others
    more += (
        ((b"vary", b"accept, user-agent"),) if path == INDEX else ()
    )  # callers that take no page get Ollama's sentence there
    return make_file(bodies, TYPES.get(place.suffix, OCTETS), cache, more)


def _address(path: str) -> str:
    """The request path of a file: `/admin/` of `admin/index.html`."""
    return "/" + (path.removesuffix(INDEX) if path == INDEX or path.endswith("/" + INDEX) else path)
