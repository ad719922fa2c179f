"""Whether a file is an image from its first byte to its last, without a look at its pixels.

    PNG   chunks, the header's first, up to the end's; one of them at least has pixels
    JPEG  segments up to the first scan, a frame among them; behind that, the end's mark
    GIF   blocks and their parts, up to the trailer
    WebP  a file as long as its head claims

A file's kind is known by its first bytes. Each look goes over the file once, in at most `STEPS` steps.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

STEPS = 200_000  # no real file of a request's size has as many parts; walking them takes some 50 ms
PNG_CHUNK = Struct(">I4s")  # behind it come so many bytes, and four of a sum over them
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
SCAN, END = 0xDA, b"\xff\xd9"  # within a scan, a byte of 255 is followed by 0 or is a mark
GIF_IMAGE, GIF_EXTENSION, GIF_TRAILER = 0x2C, 0x21, 0x3B


def kind_of(data: bytes) -> str:
    """The media type of a file that begins with these bytes, "" for no image."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"BM"):
        return "image/bmp"
    return "image/webp" if data.startswith(b"RIFF") and data[8:12] == b"WEBP" else ""


def is_whole(data: bytes) -> bool:
    """Whether no part of the image is missing. True for a kind that is not looked into."""
    return LOOKS.get(kind_of(data), bool)(data)


def _png(data: bytes) -> bool:
    at = 8
    kinds: set[bytes] = set()
    for _ in range(STEPS):
        if at + 12 > len(data):
            return False
        length, kind = PNG_CHUNK.unpack_from(data, at)
        at += 12 + length
        if (kind == b"IHDR") != (not kinds):
            return False
        kinds.add(kind)
        if kind == b"IEND":
            return b"IDAT" in kinds and at <= len(data)
    return False


def _jpeg(data: bytes) -> bool:
    at, framed = 2, False
    for _ in range(STEPS):
        if data[at : at + 1] != b"\xff" or at + 4 > len(data):
            return False
        mark = data[at + 1]
        if mark == SCAN:
            return framed and data.find(END, at) > 0
        framed = framed or mark in FRAMES
        at += 1 if mark == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4])  # the byte 255 may be repeated
    return False


def _gif(data: bytes) -> bool:
    at, parts, drawn = 13 + _colours(data, 10), False, False
    for _ in range(STEPS):
        if at >= len(data):  # some have no trailer, and lack no pixel
            return drawn and not parts and at == len(data)
        first = data[at]
        if parts:  # its length is its first byte; one of none is the last of its block
            at, parts = at + 1 + first, first > 0
        elif first == GIF_IMAGE:
            at, parts, drawn = at + 11 + _colours(data, at + 9), True, True
        elif first == GIF_EXTENSION:
            at, parts = at + 2, True
        else:
            return drawn and first == GIF_TRAILER
    return False


def _colours(data: bytes, at: int) -> int:
    """How many bytes the table of colours has, by the flags at this place."""
    flags = data[at] if at < len(data) else 0
    return 3 * 2 ** (1 + flags % 8) if flags & 0x80 else 0


def _webp(data: bytes) -> bool:
    length = int.from_bytes(data[4:8], "little")
    return 12 < length <= len(data) - 8


LOOKS: dict[str, Callable[[bytes], bool]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/webp": _webp,
}
