"""Small images, whole, in base64: one of each kind that models see. The JPEG has all of its parts and no sense."""

from __future__ import annotations

import base64


def part(mark: int, data: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes((0xFF, mark)) + (len(data) + 2).to_bytes(2) + data


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
WEBP = "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"
THUMBNAIL = b"Exif\0\0" + b"\xff\xd8" + part(0xC0, b"small") + part(0xDA, b"") + b"\xff\xd9"
JPEG = base64.b64encode(
    b"\xff\xd8" + part(0xE1, THUMBNAIL) + part(0xC2, b"large") + part(0xDA, b"") + b"a\xff\x00b" + b"\xff\xd9"
).decode()
KINDS = {"image/png": PNG, "image/gif": GIF, "image/webp": WEBP, "image/jpeg": JPEG}
