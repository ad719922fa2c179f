"""Images in a request: base64 data of a kind that models see, raw or as a data URL. Nothing is ever fetched."""

from __future__ import annotations

import base64
import binascii

KINDS = ("image/png", "image/jpeg", "image/webp", "image/gif")
IMAGES_MAX = 32  # in one message


def image_data(image: str) -> str:
    """The image as raw base64. Raises ValueError for a URL, for what is not base64, and for what is no image."""
    return of_data_url(image) if image[:5].lower() == "data:" else of_base64(image)


def of_data_url(url: str) -> str:
    """`data:image/png;base64,…` → the part behind the comma. Raises ValueError."""
    head, comma, data = url.partition(",")
    scheme, _, about = head.lower().partition(":")
    kind, *more = about.split(";")
    if scheme != "data" or not comma:
        raise ValueError("images are sent as data, like data:image/png;base64,…; URLs are never fetched")
    if kind not in KINDS or "base64" not in more:
        raise ValueError(f"an image's data URL is base64 and one of {', '.join(KINDS)}")
    return of_base64(data)


def of_base64(data: str) -> str:
    """Raises ValueError unless it is the base64 of an image."""
    if "://" in data[:16]:
        raise ValueError("images are base64 data; URLs are never fetched")
    try:
        head = base64.b64decode(data, validate=True)[:16]
    except (binascii.Error, ValueError):
        raise ValueError("images are base64 data; URLs are never fetched") from None
    if not kind_of(head):
        raise ValueError(f"this is not an image that a model can see; send one of {', '.join(KINDS)}")
    return data


def kind_of(head: bytes) -> str:
    """Which of the kinds these first bytes begin, "" for none."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"BM"):
        return "image/bmp"
    return "image/webp" if head.startswith(b"RIFF") and head[8:12] == b"WEBP" else ""
