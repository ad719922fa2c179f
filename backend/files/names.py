"""The names of files. A name from outside is cleaned before it is stored or put into a header."""

from __future__ import annotations

from urllib.parse import quote

NAME_MAX = 200  # characters
FORBIDDEN = frozenset(':*?"<>|')  # some file system allows these in no name
UNNAMED = "file"


def safe_name(given: str) -> str:
    """The last part of a path, without characters that mean something to a file system or a terminal."""
    last = given.replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = "".join(c if c.isprintable() and c not in FORBIDDEN else " " for c in last)
    return " ".join(kept.split())[:NAME_MAX].strip(" .") or UNNAMED


def as_attachment(name: str) -> str:
    """The `Content-Disposition` of a download: the whole name for today's clients, its ASCII part for older ones."""
    plain = "".join(c for c in name if c.isascii()).strip(" .") or UNNAMED
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
