"""What a file is called: what came from outside is cleaned before it is kept or put into a header."""

from __future__ import annotations

from urllib.parse import quote

NAME_MAX = 200  # characters
FORBIDDEN = frozenset(':*?"<>|')  # in the names of files, somewhere
UNNAMED = "file"


def safe_name(given: str) -> str:
    """The last part of a path, without what a file system or a terminal takes for something else."""
    last = given.replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = "".join(c if c.isprintable() and c not in FORBIDDEN else " " for c in last)
    return " ".join(kept.split())[:NAME_MAX].strip(" .") or UNNAMED


def as_attachment(name: str) -> str:
    """The `Content-Disposition` of a download: the name for today's clients, its ASCII for all others."""
    plain = "".join(c for c in name if c.isascii()).strip(" .") or UNNAMED
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
