"""What can be seen of a picture without a model: its format and its size, from its bytes."""

from __future__ import annotations

from typing import NamedTuple


class Picture(NamedTuple):
    format: str
    width: int
    height: int

    def __str__(self) -> str:
        return f"a {self.format} image of {self.width}x{self.height} pixels"


def look_at(data: bytes) -> Picture | None:
    """The picture in these bytes; None for anything but PNG, JPEG, GIF and WebP with a size."""
    for kind in (_png, _gif, _webp, _jpeg):
        if picture := kind(data):
            return picture
    return None


def _png(data: bytes) -> Picture | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or len(data) < 24:
        return None
    return Picture("PNG", int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))


def _gif(data: bytes) -> Picture | None:
    if not data.startswith((b"GIF87a", b"GIF89a")) or len(data) < 10:
        return None
    return Picture("GIF", int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little"))


def _webp(data: bytes) -> Picture | None:
    """Three kinds of first chunk, each with the size in a place and a width of its own."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    if data[12:16] == b"VP8X":
        return Picture("WebP", int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return Picture("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    width, height = int.from_bytes(data[26:28], "little"), int.from_bytes(data[28:30], "little")
    return Picture("WebP", width & 0x3FFF, height & 0x3FFF)


def _jpeg(data: bytes) -> Picture | None:
    """Segments are skipped up to the frame's header, which has the size."""
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return Picture(
                "JPEG", int.from_bytes(data[place + 7 : place + 9]), int.from_bytes(data[place + 5 : place + 7])
            )
        place += 2 + length
    return None
