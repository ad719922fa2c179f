"""Who is asking, and whose budget it is. On loopback without accounts everybody is the same local principal."""

from __future__ import annotations

from typing import NamedTuple


class Principal(NamedTuple):
    id: str
    tenant: str


LOCAL = Principal("local", "local")


def principal_of() -> Principal:
    """The caller of this request."""
    return LOCAL
