"""Images in a request: base64 data of a kind that models see, raw or as a data URL. Nothing is ever fetched."""

from __future__ import annotations

from backend.dialects.common.base64_text import compact, decoded
from backend.dialects.common.image_files import is_whole, kind_of

KINDS = ("image/png", "image/jpeg", "image/webp", "image/gif")
WRITTEN = (*KINDS, "image/jpg")  # which is no media type, and common; what counts is what the image is
IMAGES_MAX = 32  # in one message
HEAD = 32  # characters of base64 that hold the bytes by which a kind is known


def of_data_url(url: str) -> str:
    """`data:image/png;base64,…` → the part behind the comma. Raises ValueError."""
    head, comma, data = url.partition(",")
    scheme, _, about = head.lower().partition(":")
    kind, *more = about.split(";")
    if scheme != "data" or not comma:
        raise ValueError("images are sent as data, like data:image/png;base64,…; URLs are never fetched")
    if kind not in WRITTEN or "base64" not in more:
        raise ValueError(f"an image's data URL is base64 and one of {', '.join(KINDS)}")
    return of_base64(data)


def kind_of_base64(data: str) -> str:
    """The media type of an image that `of_base64` has returned."""
    return kind_of(decoded(data[:HEAD]))


def of_base64(data: str) -> str:
    """The same base64 without blanks and line breaks. Raises ValueError unless it is that of a whole image."""
    data = compact(data)
    try:
        image = decoded(data)
    except ValueError:
        raise ValueError("images are base64 data; URLs are never fetched") from None
    if not kind_of(image):
        raise ValueError(f"this is not an image that a model can see; send one of {', '.join(KINDS)}")
    if not is_whole(image):
        raise ValueError("this image is broken: a part of it is missing; send it whole")
    return data
