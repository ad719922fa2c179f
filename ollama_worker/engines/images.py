"""The media types of images: the first bytes show the kind, whatever a client has declared."""

from __future__ import annotations

# Base64 of the first bytes: no need to decode megabytes to see four of them.
KINDS = {"iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp"}


def kind_of(image: str) -> str:
    """The media type of base64 data; PNG where the kind is not known."""
    return next((kind for start, kind in KINDS.items() if image.startswith(start)), "image/png")


def data_url(image: str) -> str:
    return f"data:{kind_of(image)};base64,{image}"
